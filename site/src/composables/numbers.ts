import type { Factory } from '@/api/factory'
import { formatNumber } from '@/api/limits'

/** One number of a factory as it is shown. */
export interface ShownNumber {
  readonly text: string
  /** On which side of the factory's bounds it lies, if not within. */
  readonly outside: 'below' | 'above' | undefined
}

export function describeNumbers({ numbers, lower, upper }: Factory): ShownNumber[] {
  return numbers.map((number) => ({
    text: formatNumber(number),
    outside: number < lower ? 'below' : number > upper ? 'above' : undefined,
  }))
}
