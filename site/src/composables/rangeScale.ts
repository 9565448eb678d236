import limits from '@/api/limits.json'

/** The ends of a slider, and how far one step goes. */
export interface Scale {
  readonly min: number
  readonly max: number
  readonly step: number
}

/** Steps of a slider: more than a pointer can tell apart. */
const STEPS = 200

/**
 * Returns a scale on which both bounds have room to move: up to the next power of ten, and below zero only where a bound
 * is. Bounds that are no numbers yet get the scale of 1 to 100.
 */
export function scaleOf(lower: number, upper: number): Scale {
  const [low, high] = Number.isFinite(lower + upper) ? [lower, upper] : [1, 100]
  const size = Math.max(Math.abs(low), Math.abs(high), 10)
  const end = Math.min(limits.bound.max, 10 ** Math.ceil(Math.log10(size)))
  const min = low < 0 || high < 0 ? -end : 0
  return { min, max: end, step: Math.max(1, Math.round((end - min) / STEPS)) }
}
