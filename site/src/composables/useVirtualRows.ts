import { computed, onMounted, onScopeDispose, shallowReactive, shallowRef, watch } from 'vue'
import type { ComputedRef, Ref } from 'vue'

import type { FactoryRow } from './pendingWrites'

/** Rows drawn beyond each edge of the window, so that a turn of the wheel shows no gap. */
const OVERSCAN = 6

/** A row that is drawn, and where: its top in pixels from the top of the list. */
export interface DrawnRow {
  readonly row: FactoryRow
  readonly index: number
  readonly top: number
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
  const heights = shallowReactive(new Map<string, number>())
  const range = shallowRef({ start: 0, end: 50 })
  const isPrinting = shallowRef(false)
  /** The row at the window's top edge, and how far above the edge it began. */
  let anchor: { id: string; top: number } | undefined

  /** Where each row begins; one more entry tells where the last one ends. */
  const tops = computed(() => {
    const places = new Float64Array(rows.value.length + 1)
    let place = 0
    rows.value.forEach(({ factory }, index) => {
      place += heights.get(factory.id) ?? rowHeight.value
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
    return [...indexes]
      .sort((one, other) => one - other)
      .flatMap((index) => {
        const row = rows.value[index]
        return row ? [{ row, index, top: topOf(index) }] : []
      })
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
    typeof ResizeObserver === 'undefined'
      ? undefined
      : new ResizeObserver((all) => all.forEach(keepHeight))
  function keepHeight({ target, borderBoxSize }: ResizeObserverEntry): void {
    const id = (target as HTMLElement).dataset['row'] ?? ''
    const measured = borderBoxSize[0]?.blockSize ?? 0
    if (measured === 0 || isPrinting.value) {
      return
    }
    if (Math.abs(measured - rowHeight.value) < 0.5) {
      heights.delete(id)
    } else if (Math.abs(measured - (heights.get(id) ?? 0)) >= 0.5) {
      heights.set(id, measured)
    }
  }
  /** Follows the height of a row until the function that it returns is called. */
  function measure(element: HTMLElement): () => void {
    observer?.observe(element)
    return () => observer?.unobserve(element)
  }
  /** The styles know the height of a row; it depends on the window. */
  function readRowHeight(): void {
    const style = getComputedStyle(document.documentElement)
    const rems = Number.parseFloat(style.getPropertyValue('--row-height'))
    rowHeight.value = rems * Number.parseFloat(style.fontSize) || 40
    heights.clear()
    look()
  }
  /** After a change of many rows at once the old heights tell nothing. */
  function forgetHeights(): void {
    heights.clear()
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

  return { drawn, height, rowHeight, measure, forgetHeights }
}
