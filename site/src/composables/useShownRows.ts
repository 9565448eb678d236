import { computed, ref, shallowReactive, watch, type ComputedRef, type Ref } from 'vue'

import type { FactoryRow } from './pendingWrites'
import { arrange, fold, rankOf, type PlacedRow, type RowOrder } from './rowOrder'
import type { Editors } from './useEditors'
import type { FactoryTree } from './useFactoryTree'

/** The rows of one page: those of the shared tree, and what its person is editing. */
export interface ShownRows {
  readonly order: Ref<RowOrder>
  /** Text that a name must hold to be shown; nothing shows all. */
  readonly filter: Ref<string>
  /** What is shown, in order. A row that is edited keeps its place, and is shown whatever the filter says. */
  readonly sorted: ComputedRef<readonly FactoryRow[]>
  /** Where in `sorted` a factory is; -1 when it is not shown. */
  indexOf(id: string): number
  find(id: string): FactoryRow | undefined
  /** Takes the filter away if it hides a factory. */
  reveal(id: string): void
  /** Whether somebody else has removed a factory that is being edited here. */
  isOrphan(id: string): boolean
  /** Tells that this page itself removes a factory: it goes, with all that is open in it. */
  removeHere(id: string): void
}

export function useShownRows(tree: FactoryTree, editors: Editors): ShownRows {
  const order = ref<RowOrder>('name')
  const filter = ref('')
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
  const placed = useArrangement(tree, editors, orphans, order)
  const sorted = computed(() => {
    const wanted = fold(filter.value.trim())
    const all = placed.value.map(({ row }) => row)
    const isShown = ({ factory }: FactoryRow) =>
      fold(factory.name).includes(wanted) || editors.typed.value.has(factory.id)
    return wanted === '' ? all : all.filter(isShown)
  })
  /** A search, not a map of thousands that each change would make anew for the few that are looked for. */
  function indexOf(id: string): number {
    return sorted.value.findIndex(({ factory }) => factory.id === id)
  }
  function reveal(id: string): void {
    if (filter.value !== '' && indexOf(id) < 0 && tree.rows.value.has(id)) {
      filter.value = ''
    }
  }
  return {
    order,
    filter,
    sorted,
    indexOf,
    find: (id) => tree.rows.value.get(id) ?? orphans.value.get(id),
    reveal,
    isOrphan: (id) => orphans.value.has(id),
    removeHere: (id) => void removedHere.add(id),
  }
}

function useArrangement(
  tree: FactoryTree,
  editors: Editors,
  orphans: ComputedRef<ReadonlyMap<string, FactoryRow>>,
  order: Ref<RowOrder>,
): ComputedRef<readonly PlacedRow[]> {
  let arranged: readonly PlacedRow[] = []
  let arrangedBy: RowOrder | undefined

  return computed(() => {
    const edited = editors.typed.value
    const by = order.value
    const place = (row: FactoryRow, earlier: PlacedRow | undefined): PlacedRow => {
      const { id, name } = row.factory
      const editor = edited.get(id)
      const isHeld = editor?.phase === 'open'
      if (earlier && isHeld) {
        return earlier.row === row ? earlier : { ...earlier, row }
      }
      const shownName = isHeld ? editor.place : name
      const rank = rankOf(row, by, tree.heardAt(id))
      const isSame = earlier?.row === row && earlier.name === shownName && earlier.rank === rank
      return isSame ? earlier : { row, name: shownName, rank }
    }
    const { size } = orphans.value
    const rows = size > 0 ? new Map([...tree.rows.value, ...orphans.value]) : tree.rows.value
    arranged = arrange(arrangedBy === by ? arranged : [], rows, place)
    arrangedBy = by
    return arranged
  })
}
