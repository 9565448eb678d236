import { creationTime } from '@/api/factory'

import type { FactoryRow } from './pendingWrites'

/** By what the rows are ordered; equal ones by name, then by id. */
export type RowOrder = 'name' | 'created' | 'changed' | 'count'

/** A row with what decides on its place. */
export interface PlacedRow {
  readonly row: FactoryRow
  /** The higher comes first. */
  readonly rank: number
  readonly name: string
}

/** Returns what decides on the place of a row; `earlier` is how it was placed before. */
export type Placing = (row: FactoryRow, earlier: PlacedRow | undefined) => PlacedRow

const collator = new Intl.Collator(undefined, { numeric: true })

/** Returns the rank of a row; `heardAt` counts the changes that this page has heard of. */
export function rankOf({ factory }: FactoryRow, order: RowOrder, heardAt: number): number {
  switch (order) {
    case 'name':
      return 0
    case 'created':
      return creationTime(factory.id)
    case 'changed':
      return heardAt
    case 'count':
      return factory.numbers.length
  }
}

/**
 * Returns the rows in their order, made from the earlier order: most rows keep their place from one frame to the next,
 * and sorting thousands of names anew would take longer than the frame.
 */
export function arrange(
  earlier: readonly PlacedRow[],
  rows: ReadonlyMap<string, FactoryRow>,
  place: Placing,
): readonly PlacedRow[] {
  const kept: PlacedRow[] = []
  const moved: PlacedRow[] = []
  for (const placed of earlier) {
    const row = rows.get(placed.row.factory.id)
    if (row) {
      const now = place(row, placed)
      const isInPlace = now.rank === placed.rank && now.name === placed.name
      ;(isInPlace ? kept : moved).push(now)
    }
  }
  if (kept.length + moved.length < rows.size) {
    const known = new Set(earlier.map(({ row }) => row.factory.id))
    for (const [id, row] of rows) {
      if (!known.has(id)) {
        moved.push(place(row, undefined))
      }
    }
  }
  return merge(kept, moved.sort(compare))
}

/** Merges two ordered lists, of which the second is the short one. */
function merge(kept: readonly PlacedRow[], moved: readonly PlacedRow[]): readonly PlacedRow[] {
  const merged: PlacedRow[] = []
  let from = 0
  for (const placed of moved) {
    const to = placeIn(kept, placed, from)
    merged.push(...kept.slice(from, to), placed)
    from = to
  }
  return moved.length === 0 ? kept : merged.concat(kept.slice(from))
}

/** Returns how many rows of an ordered list come before this one; at least `low`. */
function placeIn(rows: readonly PlacedRow[], placed: PlacedRow, low: number): number {
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >> 1
    const other = rows[middle]
    if (other && compare(other, placed) < 0) {
      low = middle + 1
    } else {
      high = middle
    }
  }
  return low
}

function compare(one: PlacedRow, other: PlacedRow): number {
  return (
    other.rank - one.rank ||
    collator.compare(one.name, other.name) ||
    (one.row.factory.id < other.row.factory.id ? -1 : 1)
  )
}

/** Returns a text in the form in which texts are compared: without case, and without accents where Unicode has them apart. */
export function fold(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{Mn}/gu, '')
    .toLowerCase()
}
