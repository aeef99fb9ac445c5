// Waiting for conditions, with a limit that names what did not happen.

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves with the first truthy value of `condition`, asked every few milliseconds. */
export async function eventually(what, condition, limitMs = 30_000) {
  const until = Date.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > until) throw new Error(`within ${limitMs} ms this did not happen: ${what}`);
    await pause(10);
  }
}
