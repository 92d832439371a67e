/** Exact arithmetic on decimals: a value is a whole number and how many digits of it are after the point. */

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;

/** What a number or a text says exactly, or null. */
export function decimal(told) {
  if (typeof told !== 'number' && typeof told !== 'string') return null;
  const found = DECIMAL.exec(String(told).trim());
  if (!found || !(found[2] || found[3]) || String(told).length > 60) return null;
  const [, sign, whole, fraction = '', exponent = '0'] = found;
  let digits = fraction.length - Number(exponent);
  let value = BigInt(`${sign}${whole}${fraction}`);
  if (digits < 0) {
    value *= 10n ** BigInt(-digits);
    digits = 0;
  }
  return { value, unit: 10n ** BigInt(digits) };
}

/** A quantity in thousandths, or null when it has more than three digits after the point. */
export function thousandths(told) {
  const exact = decimal(told);
  if (!exact || (exact.value * 1000n) % exact.unit) return null;
  return (exact.value * 1000n) / exact.unit;
}

export function toEven(value, unit) {
  const whole = value / unit;
  const twice = 2n * (value % unit);
  return Number(whole + (twice > unit || (twice === unit && whole % 2n === 1n) ? 1n : 0n));
}

/** A percentage of whole cents, from the middle up; null for who is exempt. */
export function fee(net, percent) {
  if (percent === null) return null;
  const { value, unit } = decimal(percent);
  return Number((2n * BigInt(net) * value + 100n * unit) / (200n * unit));
}
