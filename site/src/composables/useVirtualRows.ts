import { computed, onMounted, onScopeDispose, shallowRef, watch } from 'vue'
import type { ComputedRef, Ref } from 'vue'

import type { FactoryRow } from './pendingWrites'

/** Rows drawn beyond each edge of the window, so that a turn of the wheel shows no gap. */
const OVERSCAN = 6

/** A row that is drawn, and where: its top in pixels from the top of the list. */
export interface DrawnRow {
  readonly row: FactoryRow
  readonly index: number
  readonly top: number
  /** Names the elements that draw it: those of a row that goes are handed over to one that comes. */
  readonly slot: number
}

/** The heights of the rows that are not of the usual one. */
export interface RowHeights {
  /** Follows the height of a row until the function that it returns is called. */
  follow(element: HTMLElement): () => void
  /** Takes a row for one of the usual height. */
  forget(id: string): void
  /** After a change of many rows at once the old heights tell nothing. */
  forgetAll(): void
}

interface Sources {
  readonly rows: ComputedRef<readonly FactoryRow[]>
  /** The element that holds the rows. */
  readonly list: Readonly<Ref<HTMLElement | null>>
  /** The factories that are drawn wherever the window is: what has the keyboard must not go away. */
  readonly pinned: () => readonly string[]
  indexOf(id: string): number
}

/**
 * Draws of thousands of rows those that the window shows. All rows are of one height but those that were measured to be
 * of another. What is on the screen stays where it is when rows come, go or grow above it.
 */
export function useVirtualRows({ rows, list, pinned, indexOf }: Sources) {
  const rowHeight = shallowRef(40)
  /** Of the rows that are of another height than all others. Read for thousands of rows, so no map that tells each reader. */
  const heights = shallowRef<ReadonlyMap<string, number>>(new Map())
  const range = shallowRef({ start: 0, end: Math.ceil(window.innerHeight / rowHeight.value) })
  const isPrinting = shallowRef(false)
  /** The row at the window's top edge, and how far above the edge it began. */
  let anchor: { id: string; top: number } | undefined
  let slots: ReadonlyMap<string, number> = new Map()

  /** Where each row begins; one more entry tells where the last one ends. */
  const tops = computed(() => {
    const [all, other, usual] = [rows.value, heights.value, rowHeight.value]
    const places = new Float64Array(all.length + 1)
    let place = 0
    all.forEach(({ factory }, index) => {
      place += (other.size > 0 ? other.get(factory.id) : undefined) ?? usual
      places[index + 1] = place
    })
    return places
  })
  const height = computed(() => tops.value[rows.value.length] ?? 0)
  const drawn = computed<readonly DrawnRow[]>(() => {
    const { start, end } = isPrinting.value ? { start: 0, end: Infinity } : range.value
    const indexes = new Set(pinned().map(indexOf))
    for (let index = start; index < Math.min(end, rows.value.length); index += 1) {
      indexes.add(index)
    }
    indexes.delete(-1)
    const shown = [...indexes]
      .sort((one, other) => one - other)
      .flatMap((index) => {
        const row = rows.value[index]
        return row ? [{ row, index, top: topOf(index) }] : []
      })
    slots = handOver(
      slots,
      shown.map(({ row }) => row.factory.id),
    )
    return shown.map((drawn) => ({ ...drawn, slot: slots.get(drawn.row.factory.id) ?? -1 }))
  })

  function topOf(index: number): number {
    return tops.value[index] ?? 0
  }
  /** Returns the last row that begins at or above a place. */
  function indexAt(place: number): number {
    let [low, high] = [0, Math.max(0, rows.value.length - 1)]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (topOf(middle) <= place) {
        low = middle
      } else {
        high = middle - 1
      }
    }
    return low
  }
  /** Looks where the window is. */
  function look(): void {
    if (!list.value) {
      return
    }
    const top = -list.value.getBoundingClientRect().top
    const first = indexAt(Math.max(0, top))
    const start = Math.max(0, first - OVERSCAN)
    const end = indexAt(top + window.innerHeight) + 1 + OVERSCAN
    if (start !== range.value.start || end !== range.value.end) {
      range.value = { start, end }
    }
    const id = top > 0 ? rows.value[first]?.factory.id : undefined
    anchor = id === undefined ? undefined : { id, top: topOf(first) }
  }
  function stay(): void {
    if (anchor && indexOf(anchor.id) < 0) {
      return look()
    }
    const moved = anchor ? topOf(indexOf(anchor.id)) - anchor.top : 0
    if (moved !== 0) {
      window.scrollBy({ top: moved, behavior: 'instant' })
    }
    look()
  }
  watch([tops, list], stay, { flush: 'post' })

  const observer =
    typeof ResizeObserver === 'undefined' ? undefined : new ResizeObserver(keepHeights)
  function keepHeights(all: readonly ResizeObserverEntry[]): void {
    if (isPrinting.value) {
      return
    }
    const now = new Map(heights.value)
    const isNews = all.map(({ target, borderBoxSize }) =>
      keepHeight(now, (target as HTMLElement).dataset['row'] ?? '', borderBoxSize[0]?.blockSize),
    )
    if (isNews.includes(true)) {
      heights.value = now
    }
  }
  /** Notes the height of a row, in pixels; returns whether it is another one than before. */
  function keepHeight(known: Map<string, number>, id: string, measured = 0): boolean {
    if (measured === 0 || Math.abs(measured - (known.get(id) ?? rowHeight.value)) < 0.5) {
      return false
    }
    if (Math.abs(measured - rowHeight.value) < 0.5) {
      known.delete(id)
    } else {
      known.set(id, measured)
    }
    return true
  }
  function follow(element: HTMLElement): () => void {
    observer?.observe(element)
    return () => {
      observer?.unobserve(element)
    }
  }
  /** The styles know the height of a row; it depends on the window. */
  function readRowHeight(): void {
    const style = getComputedStyle(document.documentElement)
    const rems = Number.parseFloat(style.getPropertyValue('--row-height'))
    rowHeight.value = rems * Number.parseFloat(style.fontSize) || 40
    forgetAll()
    look()
  }
  function forget(id: string): void {
    if (heights.value.has(id)) {
      const others = new Map(heights.value)
      others.delete(id)
      heights.value = others
    }
  }
  function forgetAll(): void {
    heights.value = new Map()
  }

  const watching = new AbortController()
  onMounted(() => {
    const { signal } = watching
    window.addEventListener('scroll', look, { signal, passive: true })
    window.addEventListener('resize', readRowHeight, { signal })
    window.addEventListener('beforeprint', () => (isPrinting.value = true), { signal })
    window.addEventListener('afterprint', () => (isPrinting.value = false), { signal })
    readRowHeight()
  })
  onScopeDispose(() => {
    watching.abort()
    observer?.disconnect()
  })

  return { drawn, height, rowHeight, heights: { follow, forget, forgetAll } }
}

/**
 * Returns the slot of each row: its own while it is drawn, for a new one that of a row that is drawn no more. To fill what
 * is there is less work than to make it anew.
 */
export function handOver(
  slots: ReadonlyMap<string, number>,
  ids: readonly string[],
): ReadonlyMap<string, number> {
  const wanted = new Set(ids)
  const now = new Map([...slots].filter(([id]) => wanted.has(id)))
  const free = [...slots].filter(([id]) => !now.has(id)).map(([, slot]) => slot)
  let last = Math.max(-1, ...slots.values())
  for (const id of ids) {
    if (!now.has(id)) {
      now.set(id, free.pop() ?? (last += 1))
    }
  }
  return now
}
