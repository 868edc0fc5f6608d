# SPDX-License-Identifier: MIT
"""Pictures: what the guest program paints (programs/gpu/pattern.h), computed here, and comparing."""

import numpy
from PIL import Image, ImageChops

CURSOR = 64


def pattern(width, height, seed, box=None):
    """The guest's pattern; with box = (x, y, width, height) only that part of it, the rest black."""
    x = numpy.arange(width)[numpy.newaxis, :]
    y = numpy.arange(height)[:, numpy.newaxis]
    red = x + 3 * y + seed
    green = (x >> 3) + y + 7 * seed
    blue = 11 * x + 37 * (x >> 8) + 13 * y + 29 * (y >> 8) + seed
    pixels = numpy.stack([numpy.broadcast_to(c, (height, width)) for c in (red, green, blue)], -1)
    image = Image.fromarray((pixels & 255).astype(numpy.uint8), "RGB")
    if box:
        left, top, w, h = box
        canvas = Image.new("RGB", (width, height))
        canvas.paste(image.crop((left, top, left + w, top + h)), (left, top))
        return canvas
    return image


def with_pattern(image, seed, box):
    """A copy of image with a rectangle of another pattern."""
    left, top, width, height = box
    other = pattern(image.width, image.height, seed)
    copy = image.copy()
    copy.paste(other.crop((left, top, left + width, top + height)), (left, top))
    return copy


def with_cursor(image, seed, x, y):
    """A copy of image with the guest's cursor (its upper right triangle) at x, y."""
    copy = image.copy()
    for row in range(CURSOR):
        for column in range(row, CURSOR):
            if 0 <= x + column < copy.width and 0 <= y + row < copy.height:
                copy.putpixel((x + column, y + row), (4 * column & 255, 4 * row & 255, seed & 255))
    return copy


def difference(seen, expected):
    """None when equal pixel by pixel, else words."""
    if seen.size != expected.size:
        return f"the size is {seen.size}, expected {expected.size}"
    delta = ImageChops.difference(seen.convert("RGB"), expected.convert("RGB"))
    box = delta.getbbox()
    if not box:
        return None
    bad = numpy.asarray(delta).any(axis=-1)
    y, x = (int(axis[0]) for axis in numpy.nonzero(bad))
    return (f"{int(bad.sum())} of {bad.size} pixels differ, within {box}; the first at {x},{y}: "
            f"{seen.convert('RGB').getpixel((x, y))}, expected "
            f"{expected.convert('RGB').getpixel((x, y))}")
