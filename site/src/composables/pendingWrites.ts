import type { Factory } from '@/api/factory'

export type PendingKind = 'creating' | 'saving' | 'generating' | 'restoring'

/** A factory as the tree shows it: with what this page has asked for and nobody has confirmed yet. */
export interface FactoryRow {
  readonly factory: Factory
  readonly pending?: PendingKind
  /** How many numbers are being generated; the old ones are not shown meanwhile. */
  readonly awaited?: number
}

/** One write that is under way. */
export interface PendingWrite {
  /** The factory as the person saw it when deciding on this write. */
  base: Factory
  /** The fields that this write overwrites: a change of others to any of them is a conflict. */
  readonly touches: readonly (keyof Factory)[]
  /** Shows the wanted outcome; nothing, when the factory is to disappear. */
  readonly preview: (row: FactoryRow | undefined) => FactoryRow | undefined
}

/** The writes under way, by factory, in the order in which they are sent. */
export class PendingWrites {
  private readonly writes = new Map<string, PendingWrite[]>()
  private readonly tails = new Map<string, Promise<unknown>>()

  /** Returns the row of a factory with all that is under way applied to it. */
  preview(id: string, factory: Factory | undefined): FactoryRow | undefined {
    const row: FactoryRow | undefined = factory && { factory }
    return this.of(id).reduce((shown, write) => write.preview(shown), row)
  }

  has(id: string): boolean {
    return this.writes.has(id)
  }

  /** Runs `send` once the earlier writes to the same factory are through. */
  async run<T>(write: PendingWrite, send: () => Promise<T>): Promise<T> {
    const { id } = write.base
    this.writes.set(id, [...this.of(id), write])
    const sent = (this.tails.get(id) ?? Promise.resolve()).then(send)
    const tail = sent.catch(() => undefined)
    this.tails.set(id, tail)
    try {
      return await sent
    } finally {
      this.remove(id, write)
      if (this.tails.get(id) === tail) {
        this.tails.delete(id)
      }
    }
  }

  /** Tells the waiting writes what an earlier one made: their person has decided on top of it. */
  rebase(id: string, from: number, factory: Factory): void {
    for (const write of this.of(id)) {
      if (write.base.revision === from) {
        write.base = factory
      }
    }
  }

  private of(id: string): readonly PendingWrite[] {
    return this.writes.get(id) ?? []
  }

  private remove(id: string, write: PendingWrite): void {
    const rest = this.of(id).filter((other) => other !== write)
    if (rest.length > 0) {
      this.writes.set(id, rest)
    } else {
      this.writes.delete(id)
    }
  }
}

/** Whether two states of a factory agree in these fields. */
export function agree(one: Factory, other: Factory, fields: readonly (keyof Factory)[]): boolean {
  return fields.every((field) => String(one[field]) === String(other[field]))
}
