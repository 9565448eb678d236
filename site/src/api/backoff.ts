const BASE_MS = 500
const CAP_MS = 30_000

/**
 * Returns how long to wait before a new attempt, in milliseconds.
 *
 * Full jitter: after a server restart a thousand pages come back spread out, not all at once.
 */
export function backoffDelay(attempt: number, random: () => number = Math.random): number {
  return random() * Math.min(CAP_MS, BASE_MS * 2 ** attempt)
}

export function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
