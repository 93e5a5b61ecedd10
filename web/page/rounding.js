/** Round to the nearest whole number, halves to the even one, as Python's `round` and numpy's `rint` do. */
export function roundHalfEven(value) {
  const nearest = Math.round(value);
  return nearest - value === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
}
