import type { FactoryRow } from './pendingWrites'

const collator = new Intl.Collator(undefined, { numeric: true })

/** The order of the page: by name, then by id. */
export function compareRows(
  one: FactoryRow,
  other: FactoryRow,
  nameOf: (row: FactoryRow) => string = ({ factory }) => factory.name,
): number {
  return (
    collator.compare(nameOf(one), nameOf(other)) || (one.factory.id < other.factory.id ? -1 : 1)
  )
}
