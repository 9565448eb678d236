import { inject, provide, shallowRef, triggerRef } from 'vue'
import type { InjectionKey, ShallowRef } from 'vue'

import type { FactoriesApi } from '@/api/factories'
import type { TreeMessage } from '@/api/message'

import { FactoryWrites } from './factoryWrites'
import { KnownFactories, type Change } from './knownFactories'
import { PendingWrites, type FactoryRow } from './pendingWrites'

/** A burst of messages is shown together, about once per frame. */
const FRAME_MS = 16

export interface TreeListener {
  /** Changes made elsewhere, once per message. */
  onRemoteChanges(changes: readonly Change[]): void
  /** The live channel did not tell of a write of our own: it may be dead. */
  onOverdue(): void
}

/** The tree that everybody shares, and the writes to it. Knows nothing of what is open or selected. */
export interface FactoryTree {
  readonly rows: Readonly<ShallowRef<ReadonlyMap<string, FactoryRow>>>
  /** Whether the tree has been heard of at all. */
  readonly isLoaded: Readonly<ShallowRef<boolean>>
  readonly writes: FactoryWrites
  /** How many changes this page had heard of when it heard of the last one of a factory; 0 for none. */
  heardAt(id: string): number
  receive(message: TreeMessage): void
}

/** Makes the shared tree of one page. */
export function createFactoryTree(api: FactoriesApi, listener: TreeListener): FactoryTree {
  const known = new KnownFactories()
  const pending = new PendingWrites()
  const isLoaded = shallowRef(false)
  const { rows, heardAt, refreshRow, showNow, showSoon } = createRows((id) =>
    pending.preview(id, known.find(id)),
  )
  function show(id: string): void {
    refreshRow(id, true)
    showNow()
  }

  function receive(message: TreeMessage): void {
    const { changes, doubtful } = known.receive(message)
    changes.forEach(({ id }) => refreshRow(id, isLoaded.value))
    if (isLoaded.value) {
      showSoon()
      listener.onRemoteChanges(changes.filter(({ id }) => !pending.has(id)))
    }
    if (!isLoaded.value && message.type === 'snapshot') {
      isLoaded.value = true
      showNow()
    }
    doubtful.forEach((id) => void settleDoubt(id))
  }

  /** Asks the API about a factory that the snapshot lacks although this page has just written it. */
  async function settleDoubt(id: string): Promise<void> {
    const doubted = known.find(id)
    const found = await api.findFactory(id).catch(() => doubted)
    if (found) {
      known.learn(found)
    } else if (doubted) {
      known.learnRemoval(id, doubted.revision + 1)
    }
    show(id)
  }

  const writes = new FactoryWrites(api, known, pending, {
    onShow: show,
    onOverdue: () => listener.onOverdue(),
  })
  return { rows, isLoaded, writes, heardAt, receive }
}

/** The rows by id. One map for good, whose readers are told at most once per frame. */
function createRows(rowOf: (id: string) => FactoryRow | undefined) {
  const rows = shallowRef(new Map<string, FactoryRow>())
  const heard = new Map<string, number>()
  let changes = 0
  let frame: ReturnType<typeof setTimeout> | undefined

  function refreshRow(id: string, isNews: boolean): void {
    const row = rowOf(id)
    if (isNews) {
      heard.set(id, (changes += 1))
    }
    if (row) {
      rows.value.set(id, row)
    } else {
      rows.value.delete(id)
      heard.delete(id)
    }
  }
  function showNow(): void {
    clearTimeout(frame)
    frame = undefined
    triggerRef(rows)
  }
  function showSoon(): void {
    frame ??= setTimeout(showNow, FRAME_MS)
  }
  return { rows, heardAt: (id: string) => heard.get(id) ?? 0, refreshRow, showNow, showSoon }
}

const factoryTreeKey: InjectionKey<FactoryTree> = Symbol('factory tree')

export function provideFactoryTree(tree: FactoryTree): void {
  provide(factoryTreeKey, tree)
}

export function useFactoryTree(): FactoryTree {
  const tree = inject(factoryTreeKey)
  if (!tree) {
    throw new Error('useFactoryTree needs a provideFactoryTree above it')
  }
  return tree
}
