import type { FactoriesApi, FactoryPatch } from '@/api/factories'
import type { Factory } from '@/api/factory'
import type { Field, Values } from '@/api/limits'
import { describeError, isUnanswered, ProblemError } from '@/api/problem'

import type { KnownFactories } from './knownFactories'
import { agree, type PendingWrite, type PendingWrites } from './pendingWrites'

/** By then the live channel has told of our own writes, or something is wrong with it. */
const ECHO_MS = 5_000
/** More rounds than others can plausibly get in between; then the person decides. */
const MAX_ROUNDS = 4

export type WriteOutcome =
  | { readonly kind: 'saved' }
  /** Somebody else changed the same; `theirs` is how it stands now. */
  | { readonly kind: 'conflict'; readonly theirs: Factory }
  | {
      readonly kind: 'refused'
      readonly reason: string
      readonly field?: Field | undefined
      /** No answer came: the channel may still tell that it took effect. */
      readonly isUnanswered?: boolean
      /** Nobody is signed in, and somebody must be. */
      readonly isSignedOut?: boolean
    }

export interface WriteListener {
  /** A factory has to be drawn anew, now. */
  onShow(id: string): void
  /** The live channel did not tell of a write of our own: it may be dead. */
  onOverdue(): void
}

/** The writes of this page: shown at once as wanted, put back when they are refused. */
export class FactoryWrites {
  constructor(
    private readonly api: FactoriesApi,
    private readonly known: KnownFactories,
    private readonly pending: PendingWrites,
    private readonly listener: WriteListener,
  ) {}

  /** Creates a factory; the same id and values may be sent again after a failure. */
  create(id: string, values: Values): Promise<WriteOutcome> {
    const { name, lower, upper, count } = values
    const base: Factory = { id, name, lower, upper, numbers: [], revision: 0 }
    const write: PendingWrite = {
      base,
      touches: [],
      preview: (row) => row ?? { factory: base, pending: 'creating', awaited: count },
    }
    return this.run(write, async () => this.keep(await this.api.createFactory(id, values), 0))
  }

  /** Changes some fields; `base` is the factory on which the person decided that. */
  update(base: Factory, patch: FactoryPatch): Promise<WriteOutcome> {
    const touches = Object.keys(patch) as (keyof FactoryPatch)[]
    const write: PendingWrite = {
      base,
      touches,
      preview: (row) => row && { ...row, factory: { ...row.factory, ...patch }, pending: 'saving' },
    }
    const hasPatch = (factory: Factory) => agree(factory, { ...factory, ...patch }, touches)
    return this.run(write, () => this.sendUpdate(write, patch, hasPatch))
  }

  /** Replaces the numbers by so many new ones. After `unanswered`, those of the same wish may be there already. */
  generate(base: Factory, count: number, unanswered = false): Promise<WriteOutcome> {
    const write: PendingWrite = {
      base,
      touches: ['numbers', 'lower', 'upper'],
      preview: (row) => row && { ...row, pending: 'generating', awaited: count },
    }
    let mayBeThere = unanswered
    const hasNumbers = (factory: Factory) =>
      mayBeThere && factory.numbers.length === count && !agree(base, factory, ['numbers'])
    return this.run(write, () =>
      this.sendMatching(
        write,
        async (revision) => {
          try {
            this.keep(await this.api.generateNumbers(base.id, revision, count), revision)
          } catch (error) {
            mayBeThere ||= isUnanswered(error)
            throw error
          }
        },
        hasNumbers,
      ),
    )
  }

  /** Brings back the numbers before those of `made`, unless somebody has generated others since. */
  restoreNumbers(made: Factory): Promise<WriteOutcome> {
    const write: PendingWrite = {
      base: made,
      touches: ['numbers'],
      preview: (row) => row && { ...row, pending: 'saving' },
    }
    return this.run(write, () =>
      this.sendMatching(write, async (revision) => {
        this.keep(await this.api.restoreNumbers(made.id, revision), revision)
      }),
    )
  }

  remove(base: Factory): Promise<WriteOutcome> {
    const write: PendingWrite = {
      base,
      touches: ['name', 'lower', 'upper', 'numbers'],
      preview: () => undefined,
    }
    return this.run(write, () =>
      this.sendMatching(write, async (revision) => {
        try {
          await this.api.removeFactory(base.id, revision)
        } catch (error) {
          if (this.known.find(base.id) || !isUnanswered(error)) {
            throw error
          }
          // The answer was lost, and the channel has told of the removal meanwhile.
        }
        this.known.learnRemoval(base.id, revision + 1)
        this.expectEcho(base.id, revision + 1)
      }),
    )
  }

  /** Undoes a removal; `factory` is what was removed. */
  restore(factory: Factory): Promise<WriteOutcome> {
    const write: PendingWrite = {
      base: factory,
      touches: [],
      preview: (row) => row ?? { factory, pending: 'restoring' },
    }
    return this.run(write, async () => {
      try {
        return this.keep(await this.api.restoreFactory(factory.id), factory.revision)
      } catch (error) {
        const isBack = isUnanswered(error) && this.known.find(factory.id)
        return isBack ? { kind: 'saved' } : toRefusal(error)
      }
    })
  }

  private async run(write: PendingWrite, send: () => Promise<WriteOutcome>): Promise<WriteOutcome> {
    const outcome = this.pending.run(write, () => send().catch(toRefusal))
    this.listener.onShow(write.base.id)
    try {
      return await outcome
    } finally {
      this.listener.onShow(write.base.id)
    }
  }

  private sendUpdate(
    write: PendingWrite,
    patch: FactoryPatch,
    hasPatch: (factory: Factory) => boolean,
  ): Promise<WriteOutcome> {
    const { id } = write.base
    return this.sendMatching(
      write,
      async (revision) => {
        this.keep(await this.api.updateFactory(id, revision, patch), revision)
      },
      hasPatch,
    )
  }

  /**
   * Sends a write against the newest revision that its person has, in effect, seen. Changes of others
   * to fields that this write leaves alone are no conflict: it is sent again on top of them.
   */
  private async sendMatching(
    write: PendingWrite,
    send: (revision: number) => Promise<void>,
    isDone: (theirs: Factory) => boolean = () => false,
  ): Promise<WriteOutcome> {
    for (let round = 1; ; round += 1) {
      try {
        await send(this.revisionToMatch(write))
        return { kind: 'saved' }
      } catch (error) {
        const heard = this.known.find(write.base.id)
        if (isUnanswered(error) && isNewer(heard, write.base) && isDone(heard)) {
          // The channel has told of it before the answer was lost.
          return { kind: 'saved' }
        }
        const theirs = currentFactory(error)
        this.known.learn(theirs)
        if (isDone(theirs)) {
          // The answer to an earlier try was lost on the way, or two people wanted the same.
          return { kind: 'saved' }
        }
        if (round === MAX_ROUNDS || !agree(write.base, theirs, write.touches)) {
          return { kind: 'conflict', theirs }
        }
      }
    }
  }

  private revisionToMatch({ base, touches }: PendingWrite): number {
    const current = this.known.find(base.id)
    return isNewer(current, base) && agree(base, current, touches)
      ? current.revision
      : base.revision
  }

  private keep(factory: Factory, from: number): WriteOutcome {
    this.known.learn(factory)
    this.pending.rebase(factory.id, from, factory)
    this.expectEcho(factory.id, factory.revision)
    return { kind: 'saved' }
  }

  private expectEcho(id: string, revision: number): void {
    setTimeout(() => {
      if (this.known.isUnconfirmed(id, revision)) {
        this.listener.onOverdue()
      }
    }, ECHO_MS)
  }
}

/** Returns the newer factory that stood in the way, or throws what else went wrong. */
function currentFactory(error: unknown): Factory {
  if (error instanceof ProblemError && error.status === 412 && error.current) {
    return error.current
  }
  throw error
}

function isNewer(factory: Factory | undefined, base: Factory): factory is Factory {
  return factory !== undefined && factory.revision > base.revision
}

function toRefusal(error: unknown): WriteOutcome {
  const field = error instanceof ProblemError ? error.field : undefined
  const refusal = { kind: 'refused', reason: describeError(error), field } as const
  if (error instanceof ProblemError && error.status === 401) {
    return { ...refusal, isSignedOut: true }
  }
  return isUnanswered(error) ? { ...refusal, isUnanswered: true } : refusal
}
