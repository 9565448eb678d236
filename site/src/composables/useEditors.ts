import { computed, shallowReactive, watch } from 'vue'

import type { Factory } from '@/api/factory'
import { checkDraft, toValues, type Field } from '@/api/limits'

import { DraftStore } from './draftStore'
import {
  EDITED_FIELDS,
  explain,
  isGranted,
  isUnchanged,
  newEditor,
  type Editor,
  type EditorKind,
} from './editor'
import { keepEditor, parseKeptEditors } from './editorDrafts'
import { createTypingCheck, type TypingCheck } from './typingCheck'
import type { FactoryWrites, WriteOutcome } from './factoryWrites'

const EDITOR_KINDS: readonly EditorKind[] = ['name', 'bounds', 'numbers', 'removal']

export interface EditorListener {
  onSaved(editor: Editor): void
  /** A try failed, and its editor has meanwhile been opened anew with something else in it. */
  onLost(reason: string): void
}

/** The open editors of this page. What was typed stays in them until it is saved or given up. */
export function useEditors(writes: FactoryWrites, listener: EditorListener) {
  const editors = shallowReactive(new Map<string, Editor>())
  const store = new DraftStore('editors')
  putBack(store.read(parseKeptEditors) ?? [])
  watch(
    () => [...editors.values()].flatMap(keepEditor),
    (kept) => store.write(kept),
  )

  function find(kind: EditorKind, id: string): Editor | undefined {
    const editor = editors.get(`${kind} ${id}`)
    return editor?.phase === 'open' ? editor : undefined
  }
  /** What has something typed in it, by factory: the first of each. */
  const typed = computed(() => {
    const byFactory = new Map<string, Editor>()
    for (const editor of editors.values()) {
      if (editor.kind !== 'removal' && !byFactory.has(editor.base.id)) {
        byFactory.set(editor.base.id, editor)
      }
    }
    return byFactory
  })
  function ofFactory(id: string): Editor[] {
    return EDITOR_KINDS.map((kind) => find(kind, id)).filter((editor) => editor !== undefined)
  }
  function open(kind: EditorKind, factory: Factory): Editor {
    const editor = find(kind, factory.id) ?? newEditor(kind, factory)
    editors.set(`${kind} ${factory.id}`, editor)
    return editor
  }
  /** Puts editors on the page that had been taken off it. */
  function putBack(taken: readonly Editor[]): void {
    taken.forEach((editor) => editors.set(`${editor.kind} ${editor.base.id}`, editor))
  }
  /** Takes all editors of a factory off the page. */
  function takeOff(id: string): Editor[] {
    const taken = ofFactory(id)
    taken.forEach(close)
    return taken
  }
  /** Closes what was sent, got no answer, and turns out to have been granted; returns whether there was any. */
  function settle(factory: Factory): boolean {
    const granted = ofFactory(factory.id).filter((editor) => isGranted(editor, factory))
    granted.forEach((editor) => {
      close(editor)
      listener.onSaved(editor)
    })
    return granted.length > 0
  }
  function close(editor: Editor): void {
    if (isCurrent(editor)) {
      editors.delete(`${editor.kind} ${editor.base.id}`)
    }
  }
  function isCurrent(editor: Editor): boolean {
    return editors.get(`${editor.kind} ${editor.base.id}`) === editor
  }

  const typingChecks = new WeakMap<Editor, TypingCheck>()
  function typingCheckOf(editor: Editor): TypingCheck {
    const known = typingChecks.get(editor)
    const check =
      known ??
      createTypingCheck(
        () => checkDraft(editor.draft, EDITED_FIELDS[editor.kind]),
        (errors) => (editor.errors = errors),
      )
    typingChecks.set(editor, check)
    return check
  }
  function fill(editor: Editor, field: Field, text: string): void {
    editor.draft[field] = text
    typingCheckOf(editor).check(editor.draft, editor.errors)
  }

  /** Checks and sends what an editor holds; returns whether it was sent or had nothing to send. */
  function save(editor: Editor, seen: Factory = editor.base): boolean {
    const isReady = prepare(editor, seen)
    if (isReady && isUnchanged(editor)) {
      close(editor)
    } else if (isReady) {
      void write(editor)
    }
    return isReady
  }
  /** Sends what an editor holds, and waits for the answer. */
  async function send(editor: Editor, seen: Factory): Promise<void> {
    if (prepare(editor, seen)) {
      return write(editor)
    }
  }
  function prepare(editor: Editor, seen: Factory): boolean {
    typingCheckOf(editor).stop()
    if (editor.kind === 'numbers' || editor.kind === 'removal') {
      // Decided on what was on the page when the button was pressed, not when the editor was opened.
      editor.base = seen
    }
    editor.errors = checkDraft(editor.draft, EDITED_FIELDS[editor.kind])
    editor.reason = ''
    editor.isSignedOut = false
    return Object.keys(editor.errors).length === 0
  }
  /** Starts over from what somebody else has made of it, and sends the same wish again. */
  function keepMine(editor: Editor): boolean {
    if (editor.theirs) {
      // What was not changed here is left as they have it.
      const mine = changedBounds(editor.base, toValues(editor.draft))
      for (const field of ['lower', 'upper'] as const) {
        if (mine[field] === undefined) {
          editor.draft[field] = String(editor.theirs[field])
        }
      }
      editor.base = editor.theirs
    }
    const sent = save(editor)
    editor.theirs = undefined
    return sent
  }

  async function write(editor: Editor): Promise<void> {
    editor.phase = 'saving'
    const outcome = await request(editor)
    editor.phase = 'open'
    editor.unanswered = outcome.kind === 'refused' && outcome.isUnanswered === true
    if (outcome.kind === 'saved') {
      close(editor)
      listener.onSaved(editor)
    } else if (isCurrent(editor)) {
      explain(editor, outcome)
    } else {
      listener.onLost(outcome.kind === 'refused' ? outcome.reason : 'Somebody else was quicker.')
    }
  }
  function request({ kind, base, draft, unanswered }: Editor): Promise<WriteOutcome> {
    const { name, lower, upper, count } = toValues(draft)
    switch (kind) {
      case 'name':
        return writes.update(base, { name })
      case 'bounds':
        return writes.update(base, changedBounds(base, { lower, upper }))
      case 'numbers':
        return writes.generate(base, count, unanswered)
      case 'removal':
        return writes.remove(base)
    }
  }

  return {
    typed,
    find,
    ofFactory,
    open,
    close,
    fill,
    save,
    send,
    keepMine,
    settle,
    takeOff,
    putBack,
  }
}

export type Editors = ReturnType<typeof useEditors>

/** Returns the bounds that a person has changed: each is written by itself, and the other one left to others. */
function changedBounds(
  base: Factory,
  { lower, upper }: Pick<Factory, 'lower' | 'upper'>,
): Partial<Pick<Factory, 'lower' | 'upper'>> {
  return {
    ...(lower === base.lower ? {} : { lower }),
    ...(upper === base.upper ? {} : { upper }),
  }
}
