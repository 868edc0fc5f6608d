# SPDX-License-Identifier: MIT
#
# Shared by ./dev and its helpers: messages, own namespaces, children that never outlive us.
# Sourced by bash; trusts its caller.

say() { printf 'dev: %s\n' "$*" >&2; }
die() {
	say "$*"
	exit 1
}

# Start COMMAND in the terminal's foreground group, pass TERM and HUP on to it, return its exit code.
# A plain foreground child would delay our traps until it ends; a background one would ignore
# Ctrl-C, hence --default-signal.
supervise() {
	local forward=$1 rc
	shift
	env --default-signal=INT,QUIT "$@" <&0 &
	supervised=$!
	trap '"$forward" "$supervised"' TERM HUP
	trap : INT QUIT # the command gets these from the terminal itself
	rc=0
	wait "$supervised" || rc=$?
	while kill -0 "$supervised" 2>/dev/null; do
		rc=0
		wait "$supervised" || rc=$?
	done
	trap - TERM HUP INT QUIT
	return "$rc"
}

forward_direct() { kill -TERM "$1" 2>/dev/null || true; }

# unshare blocks TERM in itself; its one child is the init of the namespace and passes it on
forward_to_init() {
	local init=
	read -r init _ 2>/dev/null <"/proc/$1/task/$1/children" || true
	kill -TERM "${init:-$1}" 2>/dev/null || true
}

# for a command that has nothing to put in order: all of the namespace goes at once
forward_as_kill() { kill -KILL "$1" 2>/dev/null || true; }

# in_namespaces FORWARD COMMAND…: run COMMAND in mount and pid namespaces of its own. When we die,
# by kill -9 too, unshare is killed, with it the namespace's init, and with that every process and
# mount in there.
in_namespaces() {
	local forward=$1 ns=(unshare --mount --pid --fork --kill-child --propagation private)
	shift
	if ((EUID != 0)); then
		ns+=(--user --map-root-user)
		! may_map_ids || ns+=(--map-auto)
	fi
	supervise "$forward" setpriv --pdeathsig KILL "${ns[@]}" "$@"
}

may_map_ids() {
	command -v newuidmap >/dev/null && command -v newgidmap >/dev/null &&
		grep -qs "^\($(id -un)\|$(id -u)\):" /etc/subuid &&
		grep -qs "^\($(id -un)\|$(id -u)\):" /etc/subgid
}

package_list() { sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$1/packages"; }

# Names the root file system: what goes in, and how it is made
root_key() {
	{
		package_list "$1"
		cat "$1/apt-preferences" "$1/make-root"
	} | sha256sum | cut -c1-16
}
