import { computed, reactive, shallowReactive } from 'vue'

import type { Factory } from '@/api/factory'
import { checkDraft, toValues, type Draft, type Field, type FieldErrors } from '@/api/limits'

import type { FactoryWrites, WriteOutcome } from './factoryWrites'
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
  /** How somebody else has left the factory meanwhile. */
  theirs: Factory | undefined
}

const EDITOR_KINDS: readonly EditorKind[] = ['name', 'bounds', 'numbers', 'removal']

export const EDITED_FIELDS: Record<EditorKind, readonly Field[]> = {
  name: ['name'],
  bounds: ['lower', 'upper'],
  numbers: ['count'],
  removal: [],
}

export interface EditorListener {
  onSaved(editor: Editor): void
  /** A try failed, and its editor has meanwhile been opened anew with something else in it. */
  onLost(reason: string): void
}

/** The open editors of this page. What was typed stays in them until it is saved or given up. */
export function useEditors(writes: FactoryWrites, listener: EditorListener) {
  const editors = shallowReactive(new Map<string, Editor>())

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
  function close(editor: Editor): void {
    if (isCurrent(editor)) {
      editors.delete(`${editor.kind} ${editor.base.id}`)
    }
  }
  function isCurrent(editor: Editor): boolean {
    return editors.get(`${editor.kind} ${editor.base.id}`) === editor
  }

  function fill(editor: Editor, field: Field, text: string): void {
    editor.draft[field] = text
  }

  /** Checks and sends what an editor holds; returns whether it was sent or had nothing to send. */
  function save(editor: Editor, seen: Factory = editor.base): boolean {
    if (editor.kind === 'numbers' || editor.kind === 'removal') {
      // Decided on what was on the page when the button was pressed, not when the editor was opened.
      editor.base = seen
    }
    editor.errors = checkDraft(editor.draft, EDITED_FIELDS[editor.kind])
    editor.reason = ''
    if (Object.keys(editor.errors).length > 0) {
      return false
    }
    if (isUnchanged(editor)) {
      close(editor)
    } else {
      void send(editor)
    }
    return true
  }
  /** Starts over from what somebody else has made of it, and sends the same wish again. */
  function keepMine(editor: Editor): boolean {
    editor.base = editor.theirs ?? editor.base
    const sent = save(editor)
    editor.theirs = undefined
    return sent
  }

  async function send(editor: Editor): Promise<void> {
    editor.phase = 'saving'
    const outcome = await write(editor)
    editor.phase = 'open'
    if (outcome.kind === 'saved') {
      close(editor)
      listener.onSaved(editor)
    } else if (isCurrent(editor)) {
      explain(editor, outcome)
    } else {
      listener.onLost(outcome.kind === 'refused' ? outcome.reason : 'Somebody else was quicker.')
    }
  }
  function write({ kind, base, draft }: Editor): Promise<WriteOutcome> {
    const { name, lower, upper, count } = toValues(draft)
    switch (kind) {
      case 'name':
        return writes.update(base, { name })
      case 'bounds':
        return writes.update(base, { lower, upper })
      case 'numbers':
        return writes.generate(base, count)
      case 'removal':
        return writes.remove(base)
    }
  }

  return { typed, find, ofFactory, open, close, fill, save, keepMine }
}

export type Editors = ReturnType<typeof useEditors>

function newEditor(kind: EditorKind, factory: Factory): Editor {
  return reactive<Editor>({
    kind,
    place: factory.name,
    base: factory,
    draft: toDraft(factory),
    phase: 'open',
    errors: {},
    reason: '',
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

function isUnchanged({ kind, base, draft, theirs }: Editor): boolean {
  if (theirs || kind === 'numbers' || kind === 'removal') {
    return false
  }
  const { name, lower, upper } = toValues(draft)
  return agree(base, { ...base, name, lower, upper }, ['name', 'lower', 'upper'])
}

function explain(editor: Editor, outcome: Exclude<WriteOutcome, { kind: 'saved' }>): void {
  if (outcome.kind === 'conflict') {
    editor.theirs = outcome.theirs
  } else if (outcome.field && EDITED_FIELDS[editor.kind].includes(outcome.field)) {
    editor.errors = { [outcome.field]: outcome.reason }
  } else {
    editor.reason = outcome.reason
  }
}
