import { nextTick, readonly, ref, shallowReactive, watch } from 'vue'

import type { FactoryRow } from './pendingWrites'
import type { FactoryTree } from './useFactoryTree'

export const ROOT_KEY = 'root'

/** Names one item of the tree: the root, a factory by its id, or a number by its place in it. */
export type TreeKey = string

export function numberKey(factoryId: string, index: number): TreeKey {
  return `${factoryId}/${index}`
}

/** Returns the id of the factory that an item is or belongs to; nothing for the root. */
export function factoryIdOf(key: TreeKey): string | undefined {
  return key === ROOT_KEY ? undefined : key.split('/', 1)[0]
}

/** Which item of the tree the keyboard is on, and what is open: of this page alone, shared with nobody. */
export function useTreeFocus(tree: FactoryTree) {
  const activeKey = ref<TreeKey>(ROOT_KEY)
  const isRootOpen = ref(true)
  const collapsed = shallowReactive(new Set<string>())

  function isOpen(key: TreeKey): boolean {
    return key === ROOT_KEY ? isRootOpen.value : !collapsed.has(key)
  }
  function setOpen(key: TreeKey, open: boolean): void {
    if (key === ROOT_KEY) {
      isRootOpen.value = open
    } else if (open) {
      collapsed.delete(key)
    } else {
      collapsed.add(key)
    }
  }
  function activate(key: TreeKey): void {
    activeKey.value = key
  }
  /** Moves the keyboard to an item, once it is drawn. */
  async function focus(key: TreeKey): Promise<void> {
    activate(key)
    await nextTick()
    document.querySelector<HTMLElement>(`[data-key="${key}"]`)?.focus()
  }

  watch(tree.sortedRows, (rows, earlier) => {
    activeKey.value = nearestKey(activeKey.value, tree.rows.value, earlier)
    if (rows.length === 0) {
      activeKey.value = ROOT_KEY
    }
  })

  return { activeKey: readonly(activeKey), isOpen, setOpen, activate, focus }
}

export type TreeFocus = ReturnType<typeof useTreeFocus>

/** Returns the item itself while it is there, else what is nearest to where it was. */
export function nearestKey(
  key: TreeKey,
  rows: ReadonlyMap<string, FactoryRow>,
  earlier: readonly FactoryRow[],
): TreeKey {
  const id = factoryIdOf(key)
  if (id === undefined) {
    return ROOT_KEY
  }
  const row = rows.get(id)
  if (row) {
    return hasNumber(row, key) ? key : id
  }
  const place = earlier.findIndex(({ factory }) => factory.id === id)
  const next = earlier.slice(place + 1).find(({ factory }) => rows.has(factory.id))
  const previous = earlier.slice(0, place).findLast(({ factory }) => rows.has(factory.id))
  return (next ?? previous)?.factory.id ?? ROOT_KEY
}

function hasNumber({ factory, awaited }: FactoryRow, key: TreeKey): boolean {
  const index = key.split('/')[1]
  return index === undefined || (awaited === undefined && Number(index) < factory.numbers.length)
}
