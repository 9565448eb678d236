import { computed, shallowReactive, watch, type ComputedRef } from 'vue'

import type { FactoryRow } from './pendingWrites'
import { compareRows } from './rowOrder'
import type { Editors } from './useEditors'
import type { FactoryTree } from './useFactoryTree'

/** The rows of one page: those of the shared tree, and what its person is editing. */
export interface ShownRows {
  /** In the order of the page, where a row that is edited keeps its place. */
  readonly sorted: ComputedRef<readonly FactoryRow[]>
  find(id: string): FactoryRow | undefined
  /** Whether somebody else has removed a factory that is being edited here. */
  isOrphan(id: string): boolean
  /** Tells that this page itself removes a factory: it goes, with all that is open in it. */
  removeHere(id: string): void
}

export function useShownRows(tree: FactoryTree, editors: Editors): ShownRows {
  const removedHere = shallowReactive(new Set<string>())
  watch(tree.rows, (rows) => removedHere.forEach((id) => rows.has(id) && removedHere.delete(id)))

  const orphans = computed(() => {
    const rows = new Map<string, FactoryRow>()
    for (const [id, { base }] of editors.typed.value) {
      if (tree.isLoaded.value && !tree.rows.value.has(id) && !removedHere.has(id)) {
        rows.set(id, { factory: base })
      }
    }
    return rows
  })
  const sorted = computed(() => {
    const edited = editors.typed.value
    if (edited.size === 0) {
      return tree.sortedRows.value
    }
    const nameOf = ({ factory }: FactoryRow) => {
      const editor = edited.get(factory.id)
      return editor?.phase === 'open' ? editor.place : factory.name
    }
    const rows = [...tree.sortedRows.value, ...orphans.value.values()]
    return rows.sort((one, other) => compareRows(one, other, nameOf))
  })

  return {
    sorted,
    find: (id) => tree.rows.value.get(id) ?? orphans.value.get(id),
    isOrphan: (id) => orphans.value.has(id),
    removeHere: (id) => void removedHere.add(id),
  }
}
