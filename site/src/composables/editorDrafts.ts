import { parseFactory, parseRecord } from '@/api/factory'
import type { Field } from '@/api/limits'

import { EDITED_FIELDS, isTyped, newEditor, type Editor, type EditorKind } from './editor'

const FIELDS: readonly Field[] = ['name', 'lower', 'upper', 'count']

/** An editor in the form in which it outlasts the page. */
export interface KeptEditor extends Pick<Editor, 'kind' | 'base' | 'draft'> {
  readonly isSent: boolean
}

/** Returns what would be lost with the page, if there is anything. */
export function keepEditor(editor: Editor): KeptEditor[] {
  const { kind, base, draft, phase, unanswered } = editor
  const isSent = phase === 'saving' || unanswered
  const isKept = kind !== 'removal' && (isTyped(editor) || isSent)
  return isKept ? [{ kind, base, draft: { ...draft }, isSent }] : []
}

/** Reads what {@link keepEditor} made. A write that was under way when the page was left may have been granted. */
export function parseKeptEditors(kept: unknown): Editor[] {
  return Array.isArray(kept) ? kept.map(parseKeptEditor) : []
}

function parseKeptEditor(value: unknown): Editor {
  const { kind, base, draft, isSent } = parseRecord(value)
  if (typeof kind !== 'string' || !(kind in EDITED_FIELDS)) {
    throw new Error('an editor of a kind that is not known here')
  }
  const editor = newEditor(kind as EditorKind, parseFactory(base))
  Object.assign(editor.draft, parseDraft(draft))
  editor.unanswered = isSent === true
  editor.reason = editor.unanswered ? 'The page was left before an answer came.' : ''
  return editor
}

/** Reads the texts of all fields. */
export function parseDraft(value: unknown): Record<Field, string> {
  const draft = parseRecord(value)
  return Object.fromEntries(FIELDS.map((field) => [field, String(draft[field] ?? '')])) as Record<
    Field,
    string
  >
}
