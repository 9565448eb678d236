import { nextTick, readonly, ref, shallowReactive, watch } from 'vue'

import type { FactoryRow } from './pendingWrites'
import type { ShownRows } from './useShownRows'

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
export function useTreeFocus(rows: ShownRows) {
  const activeKey = ref<TreeKey>(ROOT_KEY)
  const isRootOpen = ref(true)
  const areAllOpen = ref(false)
  /** The factories that are not as all others are. */
  const exceptions = shallowReactive(new Set<string>())

  function isOpen(key: TreeKey): boolean {
    return key === ROOT_KEY ? isRootOpen.value : exceptions.has(key) !== areAllOpen.value
  }
  function setOpen(key: TreeKey, open: boolean): void {
    if (key === ROOT_KEY) {
      isRootOpen.value = open
    } else if (open === areAllOpen.value) {
      exceptions.delete(key)
    } else {
      exceptions.add(key)
    }
  }
  function setAllOpen(open: boolean): void {
    areAllOpen.value = open
    exceptions.clear()
  }
  function activate(key: TreeKey): void {
    activeKey.value = key
  }
  /** Moves the keyboard to an item, once it is drawn. */
  async function focus(key: TreeKey): Promise<void> {
    const id = factoryIdOf(key)
    if (id !== undefined) {
      isRootOpen.value = true
      rows.reveal(id)
    }
    activate(key)
    await nextTick()
    document.querySelector<HTMLElement>(`[data-key="${key}"]`)?.focus()
  }

  /** Moves the keyboard to where it is, or to what is nearest to where it was. */
  async function focusNearest(): Promise<void> {
    await nextTick()
    return focus(activeKey.value)
  }

  watch(rows.sorted, (now, earlier) => {
    const activeId = factoryIdOf(activeKey.value)
    let byId: ReadonlyMap<string, FactoryRow> | undefined
    // Most often the row itself is there still, and a search is less work than a map of thousands.
    const find = (id: string) =>
      id === activeId
        ? now[rows.indexOf(id)]
        : (byId ??= new Map(now.map((row) => [row.factory.id, row]))).get(id)
    activeKey.value = now.length === 0 ? ROOT_KEY : nearestKey(activeKey.value, find, earlier)
  })

  return {
    activeKey: readonly(activeKey),
    areAllOpen: readonly(areAllOpen),
    isOpen,
    setOpen,
    setAllOpen,
    activate,
    focus,
    focusNearest,
  }
}

export type TreeFocus = ReturnType<typeof useTreeFocus>

/** Returns the item itself while it is there, else what is nearest to where it was. */
export function nearestKey(
  key: TreeKey,
  find: (id: string) => FactoryRow | undefined,
  earlier: readonly FactoryRow[],
): TreeKey {
  const id = factoryIdOf(key)
  if (id === undefined) {
    return ROOT_KEY
  }
  const row = find(id)
  if (row) {
    return hasNumber(row, key) ? key : id
  }
  const place = earlier.findIndex(({ factory }) => factory.id === id)
  const next = earlier.slice(place + 1).find(({ factory }) => find(factory.id))
  const previous = earlier.slice(0, place).findLast(({ factory }) => find(factory.id))
  return (next ?? previous)?.factory.id ?? ROOT_KEY
}

function hasNumber({ factory, awaited }: FactoryRow, key: TreeKey): boolean {
  const index = key.split('/')[1]
  return index === undefined || (awaited === undefined && Number(index) < factory.numbers.length)
}
