/** Pillow's luminance (ITU-R 601-2) of one colour, whole numbers 0 to 255 in and out. */
export function luminance(red, green, blue) {
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}
