const BASE_MS = 500
const CAP_MS = 30_000
/** After so long a connection counts as one that lasted. */
const STABLE_MS = 60_000
/** Between two tries to load a part of the code. */
const LOAD_MS = 3_000

/**
 * Returns how long to wait before a new attempt, in milliseconds.
 *
 * Full jitter: after a server restart a thousand pages come back spread out, not all at once.
 */
export function backoffDelay(attempt: number, random: () => number = Math.random): number {
  return random() * Math.min(CAP_MS, BASE_MS * 2 ** attempt)
}

/** Loads a part of the code, again and again until it is there. */
export async function loadPart<T>(load: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await load()
    } catch {
      await wait(LOAD_MS)
    }
  }
}

export function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** The attempts at one connection: each failure in a row waits longer, and one that lasted starts over. */
export class Attempts {
  private failures = 0
  private retryTimer: ReturnType<typeof setTimeout> | undefined
  private stableTimer: ReturnType<typeof setTimeout> | undefined

  constructor(
    private readonly connect: () => void,
    private readonly random: () => number,
  ) {}

  /** Waits before the next attempt; returns when that is, in milliseconds since 1970. */
  scheduleNext(): number {
    this.stop()
    const delay = backoffDelay(this.failures, this.random)
    this.failures += 1
    this.retryTimer = setTimeout(this.connect, delay)
    return Date.now() + delay
  }

  /** Notes that an attempt has succeeded. */
  succeed(): void {
    clearTimeout(this.stableTimer)
    this.stableTimer = setTimeout(() => (this.failures = 0), STABLE_MS)
  }

  /** Ends the wait, and forgets that the last attempt had succeeded. */
  stop(): void {
    clearTimeout(this.retryTimer)
    clearTimeout(this.stableTimer)
  }
}
