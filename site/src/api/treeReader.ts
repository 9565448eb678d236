import type { FactoriesApi, FactoryPage } from './factories'
import type { Factory } from './factory'
import type { TreeMessage } from './message'

/** Reads the whole tree from the API, or from the cache before it. */
export class TreeReader {
  private readonly pages: FactoryPages
  /** When this page was told of a change last. */
  private heardAt = Number.NEGATIVE_INFINITY
  /** The time to which the last snapshot was complete. */
  private asOf = Number.NEGATIVE_INFINITY

  constructor(
    private readonly api: FactoriesApi,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.pages = new FactoryPages(api)
  }

  /** Notes that the live channel has told of a change. */
  noteChange(): void {
    this.heardAt = this.now()
  }

  /** Returns the whole tree, or nothing when the last one that was read says the same. */
  async readNews(): Promise<TreeMessage | undefined> {
    // A factory that was heard of after the last snapshot may be missing in it for good, or have come after it.
    const isSettled = this.heardAt <= this.asOf
    const asOf = this.ask()
    const { factories, hasChanged } = await this.pages.readAll()
    return hasChanged || !isSettled ? this.tell(factories, asOf) : undefined
  }

  /** Returns the whole tree. */
  async readWhole(): Promise<TreeMessage> {
    const asOf = this.ask()
    const { factories } = await this.pages.readAll()
    return this.tell(factories, asOf)
  }

  private ask(): number {
    return this.now() - this.api.listAge
  }

  private tell(factories: readonly Factory[], asOf: number): TreeMessage {
    this.asOf = Math.max(this.asOf, asOf)
    return { type: 'snapshot', factories, asOf }
  }
}

/** The pages of the list, each kept with its tag, so that an unchanged one is not sent again. */
export class FactoryPages {
  private pages = new Map<string | undefined, FactoryPage>()

  constructor(private readonly api: FactoriesApi) {}

  /** Returns the whole tree, and whether any page of it has changed since the last time. */
  async readAll(): Promise<{ factories: readonly Factory[]; hasChanged: boolean }> {
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
    return { factories: [...read.values()].flatMap((page) => page.factories), hasChanged }
  }
}
