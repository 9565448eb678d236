import type { FactoriesApi, FactoryPage } from './factories'
import type { Factory } from './factory'
import { ProblemError } from './problem'

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
  onTree(factories: readonly Factory[]): void
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
  private readonly pages: FactoryPages

  constructor(
    api: FactoriesApi,
    private readonly listener: PollListener,
    private readonly random: () => number = Math.random,
  ) {
    this.pages = new FactoryPages(api)
  }

  start(): void {
    this.stop()
    this.failures = 0
    // The first reading tells the whole tree, even if its pages are known from an earlier time.
    this.pages.forget()
    void this.read(this.generation)
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
      void this.read(generation)
    }
  }

  private async read(generation: number): Promise<void> {
    const outcome = await this.pages.readAll().then(
      (factories) => ({ factories, error: undefined }),
      (error: unknown) => ({ factories: undefined, error: error ?? new Error('no reason') }),
    )
    if (generation !== this.generation) {
      return
    }
    if (outcome.factories) {
      this.listener.onTree(outcome.factories)
    }
    const hasFailed = outcome.error !== undefined
    this.failures = hasFailed ? this.failures + 1 : 0
    const delay = pollDelay(this.failures, outcome.error, this.random)
    this.timer = setTimeout(() => this.readIfSeen(generation), delay)
    this.listener.onRead(hasFailed ? 'failed' : 'read')
  }
}

/** The pages of the list, each kept with its tag, so that an unchanged one is not sent again. */
export class FactoryPages {
  private pages = new Map<string | undefined, FactoryPage>()

  constructor(private readonly api: FactoriesApi) {}

  forget(): void {
    this.pages.clear()
  }

  /** Returns the whole tree, or nothing when no page has changed since the last time. */
  async readAll(): Promise<readonly Factory[] | undefined> {
    const read = new Map<string | undefined, FactoryPage>()
    let hasChanged = false
    let cursor: string | undefined
    do {
      const kept = this.pages.get(cursor)
      const fresh = await this.api.listFactories(cursor, kept?.etag)
      hasChanged ||= fresh !== undefined
      const page = fresh ?? kept
      if (page === undefined || read.has(cursor)) {
        throw new Error('the list of factories has no end')
      }
      read.set(cursor, page)
      cursor = page.cursor
    } while (cursor !== undefined)
    this.pages = read
    return hasChanged ? [...read.values()].flatMap((page) => page.factories) : undefined
  }
}
