import { computed, shallowReactive, type ComputedRef } from 'vue'

import type { FactoryRow } from './pendingWrites'
import type { ShownRows } from './useShownRows'

/** The factories that are to be dealt with together: of this page alone. */
export interface Selection {
  /** Those that are still there and shown, in the order of the page. */
  readonly rows: ComputedRef<readonly FactoryRow[]>
  has(id: string): boolean
  toggle(id: string): void
  /** Selects all from the one that was toggled last to this one. */
  extendTo(id: string): void
  selectAll(): void
  clear(): void
}

export function useSelection(shown: ShownRows): Selection {
  const ids = shallowReactive(new Set<string>())
  let origin: string | undefined
  const rows = computed(() =>
    ids.size === 0 ? [] : shown.sorted.value.filter(({ factory }) => ids.has(factory.id)),
  )

  function toggle(id: string): void {
    origin = id
    if (!ids.delete(id)) {
      ids.add(id)
    }
  }
  function extendTo(id: string): void {
    const to = shown.indexOf(id)
    const from = origin === undefined ? -1 : shown.indexOf(origin)
    if (from < 0) {
      origin = id
    }
    const start = from < 0 ? to : from
    const [first, last] = [Math.min(start, to), Math.max(start, to)]
    ids.clear()
    shown.sorted.value.slice(first, last + 1).forEach(({ factory }) => ids.add(factory.id))
  }
  function selectAll(): void {
    shown.sorted.value.forEach(({ factory }) => ids.add(factory.id))
  }

  return {
    rows,
    has: (id) => ids.has(id),
    toggle,
    extendTo,
    selectAll,
    clear: () => ids.clear(),
  }
}
