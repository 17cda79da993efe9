// A day of rates as the bank keeps them. It is the same in every run, so that pictures can be compared.

const POINTS = 72;

// The history document that ends `now`, around these values: a random walk for each currency.
export function day(rates, now = Date.now()) {
  const at = Array.from({ length: POINTS }, (_, index) => new Date(now - (POINTS - index) * 20 * 60_000).toISOString().replace(/\.\d+Z/, "Z"));
  const values = Object.entries(rates).map(([code, { value }], index) => {
    const random = seeded(index + 7);
    const shares = [1];
    // Backwards from now, so that the line ends at the current rate.
    while (shares.length < POINTS) shares.unshift(shares[0] * (1 + (random() - 0.5) * 0.006));
    const places = Math.max(0, 6 - `${Math.trunc(value)}`.length);
    return [code, code === "btc" ? shares.map(() => "1.0") : shares.map((share) => (value * share).toFixed(places))];
  });
  return JSON.stringify({ base: "btc", at, values: Object.fromEntries(values) });
}

function seeded(seed) {
  let state = seed;
  return () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648;
  };
}
