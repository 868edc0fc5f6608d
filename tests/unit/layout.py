#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two builds of layout.c say the same.

usage: layout.py OURS OTHER [--may-lack]

With --may-lack OTHER, a kernel header of its own age, may leave lines out, but only those that a
feature macro guards; every line it has must be ours too.
"""

import subprocess
import sys

# guarded in layout.c
YOUNG = ("VIRTIO_GPU_F_BLOB_ALIGNMENT ", "virtio_gpu_config.blob_alignment ",
         "sizeof virtio_gpu_config ", "VIRTIO_GPU_CAPSET_")


def read(program):
    return subprocess.run([program], check=True, stdout=subprocess.PIPE,
                          text=True).stdout.splitlines()


def main():
    ours, other = read(sys.argv[1]), read(sys.argv[2])
    lacking = [line for line in ours if line not in other]
    if "--may-lack" in sys.argv:
        for line in [line for line in lacking if line.startswith(YOUNG)]:
            print(f"the installed header has no {line}")
            lacking.remove(line)
    wrong = [f"ours: {line}" for line in lacking]
    wrong += [f"theirs: {line}" for line in other if line not in ours]
    print("\n".join(wrong))
    print(f"{len(ours)} numbers, {len(wrong)} differences")
    return 1 if wrong or len(other) < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
