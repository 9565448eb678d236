import limits from './limits.json'

/** The fields a person can fill in, by the names that the API uses for them. */
export type Field = 'name' | 'lower' | 'upper' | 'count'

/** What was typed, as it was typed. */
export type Draft = Readonly<Record<Field, string>>

/** The checked values of a draft. */
export interface Values {
  readonly name: string
  readonly lower: number
  readonly upper: number
  readonly count: number
}

export type FieldErrors = Partial<Record<Field, string>>

const LABELS: Record<Field, string> = {
  name: 'Name',
  lower: 'Lower bound',
  upper: 'Upper bound',
  count: 'How many',
}

/** Control characters, halves of a surrogate pair, and those that reorder the text around them. */
const REFUSED_CHARACTERS = /[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u
/** Characters that show nothing by themselves: those that may be ignored, and the blanks of Braille and music. */
const INVISIBLE_NAME = /^[\p{White_Space}\p{Default_Ignorable_Code_Point}\u2800\u{1d159}]+$/u
/** The same white space that the API trims: `String.trim` leaves the next-line character (U+0085). */
const OUTER_WHITE_SPACE = /^[\p{White_Space}\ufeff]+|[\p{White_Space}\ufeff]+$/gu

/** Returns what is wrong with these fields of a draft; nothing when all of them may be sent. */
export function checkDraft(draft: Draft, fields: readonly Field[]): FieldErrors {
  const errors: FieldErrors = {}
  for (const field of fields) {
    const message = field === 'name' ? checkName(draft.name) : checkWholeNumber(draft[field], field)
    if (message !== undefined) {
      errors[field] = message
    }
  }
  const hasBounds = fields.includes('lower') && fields.includes('upper')
  if (hasBounds && !errors.lower && !errors.upper) {
    addOrderError(draft, errors)
  }
  return errors
}

/** Returns the values of a draft that {@link checkDraft} finds nothing wrong with. */
export function toValues(draft: Draft): Values {
  return {
    name: trimName(draft.name),
    lower: toNumber(draft.lower),
    upper: toNumber(draft.upper),
    count: toNumber(draft.count),
  }
}

export function trimName(name: string): string {
  return name.replace(OUTER_WHITE_SPACE, '')
}

/** Writes a number with thin groups of three, as people read large ones. */
export function formatNumber(value: number): string {
  const sign = value < 0 ? '−' : ''
  return sign + String(Math.abs(value)).replace(/\B(?=(\d{3})+$)/g, '\u202f')
}

function checkName(text: string): string | undefined {
  const name = trimName(text)
  const { min, max } = limits.name
  // Counted in code points, as the API does, and not in UTF-16 units.
  const length = Array.from(name).length
  const range = `Use ${min} to ${max} characters`
  if (REFUSED_CHARACTERS.test(name)) {
    return `Name ${quote(name)} holds a control or text-direction character. ${range}, none of them such a one.`
  }
  if (length < min) {
    return `Name is empty. ${range}.`
  }
  if (INVISIBLE_NAME.test(name)) {
    return `Name holds nothing that can be seen (${spell(name)}). ${range}, at least one of them visible.`
  }
  if (length > max) {
    return `Name ${quote(name)} is ${length} characters long. ${range}.`
  }
  return undefined
}

function checkWholeNumber(text: string, field: Exclude<Field, 'name'>): string | undefined {
  const { min, max } = field === 'count' ? limits.count : limits.bound
  const range = `Use a whole number from ${formatNumber(min)} to ${formatNumber(max)}.`
  if (text.trim() === '') {
    return `${LABELS[field]} is empty. ${range}`
  }
  const value = toNumber(text)
  if (!Number.isInteger(value)) {
    return `${LABELS[field]} ${quote(text)} is not a whole number. ${range}`
  }
  if (value < min || value > max) {
    return `${LABELS[field]} ${quote(text)} is out of range. ${range}`
  }
  return undefined
}

function addOrderError(draft: Draft, errors: FieldErrors): void {
  const lower = toNumber(draft.lower)
  const upper = toNumber(draft.upper)
  if (lower > upper) {
    errors.lower =
      `Lower bound ${formatNumber(lower)} is above the upper bound. ` +
      `Use a whole number from ${formatNumber(limits.bound.min)} to ${formatNumber(upper)}.`
  }
}

/** Reads decimal digits only: `Number` alone would also take `1e3`, `0x10` and the empty text. */
function toNumber(text: string): number {
  const plain = text.replace(/[\s_]/g, '').replace(/^−/, '-')
  return /^[+-]?\d+$/.test(plain) ? Number(plain) + 0 : Number.NaN
}

/** Spells what cannot be seen: the first few characters. */
function spell(text: string): string {
  const codes = Array.from(text, (one) => one.codePointAt(0)?.toString(16).toUpperCase() ?? '')
  const shown = codes.slice(0, 4).map((code) => `U+${code.padStart(4, '0')}`)
  return [...shown, ...(codes.length > 4 ? ['…'] : [])].join(' ')
}

/** Quotes a typed value for a message: shortened, and with nothing that could reorder the message. */
function quote(text: string): string {
  const characters = Array.from(text.replace(new RegExp(REFUSED_CHARACTERS, 'gu'), '\ufffd'))
  const shown = characters.length > 24 ? [...characters.slice(0, 24), '…'] : characters
  return `“${shown.join('')}”`
}
