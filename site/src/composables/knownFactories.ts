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

  find(id: string): Factory | undefined {
    return this.factories.get(id)
  }

  /** Applies a message of the live channel. */
  receive(message: TreeMessage): Receipt {
    switch (message.type) {
      case 'snapshot':
        return this.receiveSnapshot(message.factories)
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

  private receiveSnapshot(factories: readonly Factory[]): Receipt {
    const changes: Change[] = []
    const doubtful: string[] = []
    const present = new Set<string>()
    for (const factory of factories) {
      present.add(factory.id)
      this.confirm(factory.id, factory.revision)
      changes.push(...listOf(this.take(factory)))
    }
    for (const [id, factory] of this.factories) {
      if (present.has(id)) {
        continue
      }
      if (this.unconfirmed.has(id)) {
        doubtful.push(id)
      } else {
        // One below: a server that lags behind may still tell of this very revision.
        changes.push(...listOf(this.drop(id, factory.revision - 1, 'by absence')))
      }
    }
    return { changes, doubtful }
  }

  private take(factory: Factory): Change | undefined {
    const { id } = factory
    const before = this.factories.get(id)
    const known = before?.revision ?? this.removedAt.get(id) ?? -1
    if (factory.revision <= known) {
      return undefined
    }
    this.factories.set(id, factory)
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
