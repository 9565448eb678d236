import type { TreeMessage } from './message'
import { ProblemError } from './problem'
import type { TreeReader } from './treeReader'

export const POLL_MS = 5_000
/** The longest wait after readings that failed. */
const POLL_CAP_MS = 60_000

/**
 * Returns how long to wait before the next reading, in milliseconds.
 *
 * A quarter up or down is left to chance, so that pages which lost the same server do not read at the same moments for
 * ever. Each failure doubles the wait, and an API that says when to come again is not asked earlier.
 */
export function pollDelay(failures: number, error: unknown, random: () => number): number {
  const wait = Math.min(POLL_CAP_MS, POLL_MS * 2 ** failures) * (0.75 + random() / 2)
  const asked = error instanceof ProblemError ? (error.retryAfter ?? 0) * 1_000 : 0
  return Math.max(wait, asked + random() * POLL_MS)
}

export interface PollListener {
  onTree(tree: TreeMessage): void
  /** Called after every reading, whether it found something new or failed. */
  onRead(outcome: 'read' | 'failed'): void
}

/** Reads the whole tree again and again: what is left where a network forbids WebSocket. */
export class Polling {
  private timer: ReturnType<typeof setTimeout> | undefined
  /** Tells a reading that its answer is no longer wanted. */
  private generation = 0
  /** The readings that have failed, one after the other. */
  private failures = 0

  constructor(
    private readonly reader: TreeReader,
    private readonly listener: PollListener,
    private readonly random: () => number = Math.random,
  ) {}

  start(): void {
    this.stop()
    this.failures = 0
    // The first reading tells the whole tree, even if it is known from an earlier time.
    void this.read(this.generation, () => this.reader.readWhole())
  }

  stop(): void {
    this.generation += 1
    clearTimeout(this.timer)
  }

  /** Spares the API while nobody looks at the page. */
  private readIfSeen(generation: number): void {
    if (document.visibilityState === 'hidden') {
      this.timer = setTimeout(() => this.readIfSeen(generation), POLL_MS)
    } else {
      void this.read(generation, () => this.reader.readNews())
    }
  }

  private async read(
    generation: number,
    readTree: () => Promise<TreeMessage | undefined>,
  ): Promise<void> {
    const outcome = await readTree().then(
      (tree) => ({ tree, error: undefined }),
      (error: unknown) => ({ tree: undefined, error: error ?? new Error('no reason') }),
    )
    if (generation !== this.generation) {
      return
    }
    if (outcome.tree) {
      this.listener.onTree(outcome.tree)
    }
    const hasFailed = outcome.error !== undefined
    this.failures = hasFailed ? this.failures + 1 : 0
    const delay = pollDelay(this.failures, outcome.error, this.random)
    this.timer = setTimeout(() => this.readIfSeen(generation), delay)
    this.listener.onRead(hasFailed ? 'failed' : 'read')
  }
}
