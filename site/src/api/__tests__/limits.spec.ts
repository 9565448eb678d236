import { describe, expect, it } from 'vitest'

import { checkDraft, formatNumber, toValues, type Draft } from '../limits'

const VALID: Draft = { name: 'Mill', lower: '1', upper: '9', count: '15' }

function nameError(name: string): string | undefined {
  return checkDraft({ ...VALID, name }, ['name']).name
}

describe('a name', () => {
  it('is trimmed of the white space that the API trims', () => {
    expect(toValues({ ...VALID, name: '\u0085 \ufeffMill\u3000\n' }).name).toBe('Mill')
  })

  it('is counted in code points', () => {
    expect(nameError('🏭'.repeat(64))).toBeUndefined()
    expect(nameError('🏭'.repeat(65))).toMatch(/^Name “🏭+…” is 65 characters long\. Use 1 to 64/u)
  })

  it('is counted after trimming', () => {
    expect(nameError(`  ${'x'.repeat(64)}  `)).toBeUndefined()
    expect(nameError('   ')).toBe('Name is empty. Use 1 to 64 characters.')
  })

  it.each(['工場', 'مصنع', '👩‍👩‍👧‍👦', '<img src=x onerror=alert(1)>', 'a\u200fb'])(
    'may be %s',
    (name) => {
      expect(nameError(name)).toBeUndefined()
    },
  )

  it.each(['\u0000', '\u001b', '\u007f', '\u009b', '\u202e', '\u2066', '\ud800'])(
    'may not hold %j, and the message does not repeat it',
    (character) => {
      const message = nameError(`a${character}b`)
      expect(message).toContain('control or text-direction character')
      expect(message).not.toContain(character)
    },
  )
})

describe('a name that nobody can see', () => {
  it.each([
    ['\u200b', 'U+200B'],
    ['\u00ad\u2800', 'U+00AD U+2800'],
    ['\u3164 \u115f', 'U+3164 U+0020 U+115F'],
    ['\ufe0f\u{e0041}', 'U+FE0F U+E0041'],
  ])('is refused with the reason: %j', (name, spelled) => {
    expect(nameError(name)).toBe(
      `Name holds nothing that can be seen (${spelled}). Use 1 to 64 characters, at least one of them visible.`,
    )
  })

  it.each(['a\u200b', '\u0301', '.', '\u{1f3f4}\u{e0067}\u{e007f}'])('is not %j', (name) => {
    expect(nameError(name)).toBeUndefined()
  })

  it('may be of line separators alone: they are trimmed', () => {
    expect(nameError('\u2028')).toBe('Name is empty. Use 1 to 64 characters.')
  })
})

describe('bounds', () => {
  function boundsErrors(lower: string, upper: string) {
    return checkDraft({ ...VALID, lower, upper }, ['lower', 'upper'])
  }

  it('may lie anywhere in the closed range, and be equal', () => {
    expect(boundsErrors('-1000000000', '1000000000')).toEqual({})
    expect(boundsErrors('7', '7')).toEqual({})
    expect(boundsErrors('−1 000', '+5')).toEqual({})
  })

  it('are refused one beyond the range', () => {
    const { lower, upper } = boundsErrors('-1000000001', '1000000001')
    expect(lower).toMatch(/^Lower bound “-1000000001” is out of range\. Use a whole number from −1/)
    expect(upper).toMatch(/^Upper bound “1000000001” is out of range/)
  })

  it.each(['', ' ', '1.5', '1e3', '0x10', 'NaN', '--1', '9'.repeat(400)])(
    'may not be %j',
    (text) => {
      expect(boundsErrors(text, '9').lower).toContain('Lower bound')
    },
  )

  it('may not be the wrong way round', () => {
    expect(boundsErrors('10', '9')).toEqual({
      lower:
        'Lower bound 10 is above the upper bound. Use a whole number from −1\u202f000\u202f000\u202f000 to 9.',
    })
  })
})

describe('a count', () => {
  it('is a whole number from 0 to 15', () => {
    const errorOf = (count: string) => checkDraft({ ...VALID, count }, ['count']).count
    expect([errorOf('0'), errorOf('15')]).toEqual([undefined, undefined])
    expect(errorOf('16')).toBe('How many “16” is out of range. Use a whole number from 0 to 15.')
    expect(errorOf('-1')).toContain('out of range')
  })
})

it('only the fields asked for are checked', () => {
  expect(checkDraft({ ...VALID, name: '', count: 'x' }, ['lower', 'upper'])).toEqual({})
})

it('a negative zero is zero', () => {
  expect(Object.is(toValues({ ...VALID, lower: '-0' }).lower, 0)).toBe(true)
})

it('large numbers are written in groups of three', () => {
  expect([0, 999, 1000, -1234567].map(formatNumber)).toEqual([
    '0',
    '999',
    '1\u202f000',
    '−1\u202f234\u202f567',
  ])
})
