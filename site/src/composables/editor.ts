import { reactive } from 'vue'

import type { Factory } from '@/api/factory'
import {
  formatNumber,
  toValues,
  trimName,
  type Draft,
  type Field,
  type FieldErrors,
} from '@/api/limits'

import type { WriteOutcome } from './factoryWrites'
import { agree } from './pendingWrites'

/** What is being done to a factory: each has its own place on the page. */
export type EditorKind = 'name' | 'bounds' | 'numbers' | 'removal'

/** One thing that a person is doing to one factory, with what was typed and what went wrong. */
export interface Editor {
  readonly kind: EditorKind
  /** The name by which the row was sorted when the editor was opened: the row stays there. */
  readonly place: string
  /** The factory as the person saw it when starting. */
  base: Factory
  readonly draft: Record<Field, string>
  /** While saving, the tree shows the wanted outcome and the editor is out of sight. */
  phase: 'open' | 'saving'
  errors: FieldErrors
  /** Why the last try failed, where no field is to blame. */
  reason: string
  /** Signing in may cure it. */
  isSignedOut: boolean
  /** A try was sent and no answer came: it may have taken effect. */
  unanswered: boolean
  /** How somebody else has left the factory meanwhile. */
  theirs: Factory | undefined
}

export const EDITED_FIELDS: Record<EditorKind, readonly Field[]> = {
  name: ['name'],
  bounds: ['lower', 'upper'],
  numbers: ['count'],
  removal: [],
}

/** Makes an editor in which nothing was typed yet. */
export function newEditor(kind: EditorKind, factory: Factory): Editor {
  return reactive<Editor>({
    kind,
    place: factory.name,
    base: factory,
    draft: toDraft(factory),
    phase: 'open',
    errors: {},
    reason: '',
    isSignedOut: false,
    unanswered: false,
    theirs: undefined,
  })
}

function toDraft({ name, lower, upper, numbers }: Factory): Draft {
  return {
    name,
    lower: String(lower),
    upper: String(upper),
    count: String(numbers.length || 5),
  }
}

/** Whether something was typed that is not in the factory. */
export function isTyped({ kind, base, draft }: Editor): boolean {
  const initial = toDraft(base)
  return EDITED_FIELDS[kind].some((field) => draft[field] !== initial[field])
}

/** Whether there is nothing to send. */
export function isUnchanged({ kind, base, draft, theirs }: Editor): boolean {
  if (theirs || kind === 'numbers' || kind === 'removal') {
    return false
  }
  const { name, lower, upper } = toValues(draft)
  return agree(base, { ...base, name, lower, upper }, ['name', 'lower', 'upper'])
}

/** Whether a factory is what an editor without an answer has asked for. */
export function isGranted({ kind, base, draft, unanswered }: Editor, factory: Factory): boolean {
  if (!unanswered || factory.revision <= base.revision) {
    return false
  }
  const { lower, upper, count } = toValues(draft)
  switch (kind) {
    case 'name':
      return factory.name === trimName(draft.name)
    case 'bounds':
      return factory.lower === lower && factory.upper === upper
    case 'numbers':
      return factory.numbers.length === count && !agree(base, factory, ['numbers'])
    case 'removal':
      return false
  }
}

/** Returns a sentence about what an editor has saved. */
export function describeSaved({ kind, base, draft }: Editor): string {
  const { name, lower, upper, count } = toValues(draft)
  switch (kind) {
    case 'name':
      return `Saved: ${base.name} is now called ${name}.`
    case 'bounds':
      return `Saved: ${base.name} now draws from ${formatNumber(lower)} to ${formatNumber(upper)}.`
    case 'numbers':
      return count === 1
        ? `Generated 1 number for ${base.name}.`
        : `Generated ${count} numbers for ${base.name}.`
    case 'removal':
      return `Removed ${base.name}.`
  }
}

/** Puts into an editor why its try failed. */
export function explain(editor: Editor, outcome: Exclude<WriteOutcome, { kind: 'saved' }>): void {
  if (outcome.kind === 'conflict') {
    editor.theirs = outcome.theirs
  } else if (outcome.field && EDITED_FIELDS[editor.kind].includes(outcome.field)) {
    editor.errors = { [outcome.field]: outcome.reason }
  } else {
    editor.reason = outcome.reason
    editor.isSignedOut = outcome.isSignedOut === true
  }
}
