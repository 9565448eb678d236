import type { Editor } from './editor'
import type { Factory } from '@/api/factory'
import { formatNumber, toValues } from '@/api/limits'

/** One thing that somebody else has changed. */
export interface Difference {
  readonly field: string
  readonly before: string
  readonly after: string
}

/** Returns what differs between the factory that a person started from and how it stands now. */
export function describeDifferences(before: Factory, after: Factory): Difference[] {
  return [
    { field: 'Name', before: before.name, after: after.name },
    { field: 'Bounds', before: boundsText(before), after: boundsText(after) },
    { field: 'Numbers', before: numbersText(before), after: numbersText(after) },
  ].filter((difference) => difference.before !== difference.after)
}

/** What the person of an editor wants of a thing that somebody else has changed, if anything. */
export function describeWish({ kind, base, draft }: Editor, field: string): string {
  const { lower, upper, count } = toValues(draft)
  const wishes: Record<string, string> = {
    name: field === 'Name' ? draft.name : '',
    bounds: field === 'Bounds' ? boundsText({ ...base, lower, upper }) : '',
    numbers: field === 'Numbers' ? `${count} new` : '',
    removal: 'removed',
  }
  return wishes[kind] ?? ''
}

function boundsText({ lower, upper }: Factory): string {
  return `${formatNumber(lower)} to ${formatNumber(upper)}`
}

function numbersText({ numbers }: Factory): string {
  return numbers.length > 0 ? numbers.map(formatNumber).join(', ') : 'none'
}
