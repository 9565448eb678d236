import type { Factory } from '@/api/factory'
import type { TreeMessage } from '@/api/message'

/** What one message made of one factory: `before` is missing for a new one, `after` for a removed one. */
export interface Change {
  readonly id: string
  readonly before: Factory | undefined
  readonly after: Factory | undefined
}

/** What a message brought. */
export interface Receipt {
  readonly changes: readonly Change[]
  /** Factories that the snapshot lacks although the API said they are there: only the API can tell. */
  readonly doubtful: readonly string[]
}

/**
 * The newest state of every factory that this page has heard of, from the live channel or the API.
 *
 * Invariant: a factory never goes back to an older revision, whatever the order of messages.
 */
export class KnownFactories {
  private readonly factories = new Map<string, Factory>()
  /** The highest revision at which a factory that is gone is known to be old. */
  private readonly removedAt = new Map<string, number>()
  /** What the API said and the live channel has not confirmed yet: the least revision that will. */
  private readonly unconfirmed = new Map<string, number>()
  /** When this page heard of the state in which it knows a factory. */
  private readonly heardAt = new Map<string, number>()

  /** The clock is that of the snapshots which were read from the table. */
  constructor(private readonly now: () => number = () => performance.now()) {}

  find(id: string): Factory | undefined {
    return this.factories.get(id)
  }

  /** Applies a message of the live channel. */
  receive(message: TreeMessage): Receipt {
    switch (message.type) {
      case 'snapshot':
        return this.receiveSnapshot(message.factories, message.asOf)
      case 'changed':
        this.confirm(message.factory.id, message.factory.revision)
        return { changes: listOf(this.take(message.factory)), doubtful: [] }
      case 'removed':
        this.confirm(message.id, message.revision)
        return { changes: listOf(this.drop(message.id, message.revision)), doubtful: [] }
    }
  }

  /** Applies what the API answered, which may be newer than anything the channel has told. */
  learn(factory: Factory): Change | undefined {
    const change = this.take(factory)
    if (change) {
      this.unconfirmed.set(factory.id, factory.revision)
    }
    return change
  }

  /** Applies a removal that the API confirmed. */
  learnRemoval(id: string, revision: number): Change | undefined {
    const change = this.drop(id, revision)
    if (change) {
      this.unconfirmed.set(id, revision)
    }
    return change
  }

  /** Whether the live channel still owes this page the news of that revision. */
  isUnconfirmed(id: string, revision: number): boolean {
    return (this.unconfirmed.get(id) ?? 0) >= revision
  }

  /**
   * Applies a snapshot. What it lacks is gone. A snapshot of the table (`asOf`) is certain of that, except for what this
   * page has heard of since: that is kept until a later one. A server may lag behind, and is not.
   */
  private receiveSnapshot(factories: readonly Factory[], asOf?: number): Receipt {
    const changes: Change[] = []
    const doubtful: string[] = []
    const present = new Set<string>()
    for (const factory of factories) {
      present.add(factory.id)
      this.confirm(factory.id, factory.revision)
      changes.push(...listOf(this.take(factory)))
    }
    for (const [id, factory] of this.factories) {
      if (present.has(id) || this.hasHeardAfter(id, asOf)) {
        continue
      }
      if (this.unconfirmed.has(id)) {
        doubtful.push(id)
      } else {
        // One below: a server that lags behind may still tell of this very revision.
        const revision = asOf === undefined ? factory.revision - 1 : factory.revision
        changes.push(...listOf(this.drop(id, revision, 'by absence')))
      }
    }
    return { changes, doubtful }
  }

  private hasHeardAfter(id: string, asOf: number | undefined): boolean {
    return asOf !== undefined && (this.heardAt.get(id) ?? 0) > asOf
  }

  private take(factory: Factory): Change | undefined {
    const { id } = factory
    const before = this.factories.get(id)
    const known = before?.revision ?? this.removedAt.get(id) ?? -1
    if (factory.revision <= known) {
      return undefined
    }
    this.factories.set(id, factory)
    this.heardAt.set(id, this.now())
    this.removedAt.delete(id)
    return { id, before, after: factory }
  }

  private drop(id: string, revision: number, how?: 'by absence'): Change | undefined {
    const before = this.factories.get(id)
    if (before && before.revision > revision && how !== 'by absence') {
      return undefined
    }
    this.removedAt.set(id, Math.max(revision, this.removedAt.get(id) ?? -1))
    this.factories.delete(id)
    this.heardAt.delete(id)
    return before && { id, before, after: undefined }
  }

  private confirm(id: string, revision: number): void {
    if (revision >= (this.unconfirmed.get(id) ?? Number.POSITIVE_INFINITY)) {
      this.unconfirmed.delete(id)
    }
  }
}

function listOf(change: Change | undefined): Change[] {
  return change ? [change] : []
}
