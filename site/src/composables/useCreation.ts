import { reactive, readonly, ref, shallowReactive, shallowReadonly, shallowRef, watch } from 'vue'

import { parseRecord } from '@/api/factory'
import {
  checkDraft,
  toValues,
  type Draft,
  type Field,
  type FieldErrors,
  type Values,
} from '@/api/limits'
import { newUuid } from '@/api/uuid'

import { createTypingCheck } from './typingCheck'
import { DraftStore } from './draftStore'
import { parseDraft } from './editorDrafts'
import type { FactoryTree } from './useFactoryTree'

const FIELDS: readonly Field[] = ['name', 'lower', 'upper', 'count']
const EMPTY: Draft = { name: '', lower: '1', upper: '100', count: '5' }
/** A second click within this time, on a form that is empty again, is a double click. */
const DOUBLE_CLICK_MS = 1_000

/** One factory that a person asked for. Its id is made here, so that asking again never makes two. */
interface Wish {
  readonly id: string
  readonly values: Values
}

/** A wish that was not granted: kept with all that was typed until its person has dealt with it. */
export interface FailedCreation extends Wish {
  readonly reason: string
  /** `unanswered`: it may be there all the same; `aside`: it was not asked for yet. */
  readonly state: 'refused' | 'signed-out' | 'unanswered' | 'aside'
}

/** The form for new factories. It is free for the next one at once; failures are kept beside it. */
export function useCreation(
  { writes, rows }: Pick<FactoryTree, 'writes' | 'rows'>,
  onCreated: (name: string) => void,
) {
  const store = new DraftStore('creations')
  const kept = store.read(parseKept)
  const draft = reactive(kept?.draft ?? { ...EMPTY })
  const errors = ref<FieldErrors>({})
  /** Whether the form is shown; what was typed in it is a reason to. */
  const isOpen = ref((kept?.draft?.name ?? '') !== '')
  const failures = shallowRef<readonly FailedCreation[]>(kept?.failures ?? [])
  const underWay = shallowReactive(new Map<string, Wish>())
  let sentAt = Number.NEGATIVE_INFINITY
  /** What the form holds once it is sent: nothing in it is worth keeping. */
  let sent = ''

  watch(
    () => ({
      draft: JSON.stringify(draft) === sent ? undefined : { ...draft },
      failures: failures.value,
      underWay: [...underWay.values()],
    }),
    (now) => store.write(now),
  )
  // The answer may have been lost on the way: what stands in the tree was granted after all.
  watch([failures, rows], () => {
    const granted = failures.value.filter(({ id }) => rows.value.has(id))
    granted.forEach((failure) => {
      discard(failure)
      onCreated(failure.values.name)
    })
  })

  /** Sends what was typed, unless something is wrong with it; returns whether it was sent. */
  function create(): boolean {
    if (draft.name === '' && Date.now() - sentAt < DOUBLE_CLICK_MS) {
      return true
    }
    if (!isRight()) {
      return false
    }
    sentAt = Date.now()
    void send({ id: newUuid(), values: toValues(draft) })
    draft.name = ''
    sent = JSON.stringify(draft)
    return true
  }
  function isRight(): boolean {
    typing.stop()
    errors.value = checkDraft(draft, FIELDS)
    return Object.keys(errors.value).length === 0
  }
  async function send({ id, values }: Wish): Promise<void> {
    underWay.set(id, { id, values })
    const outcome = await writes.create(id, values)
    underWay.delete(id)
    if (outcome.kind === 'saved') {
      onCreated(values.name)
    } else {
      const { reason, isUnanswered, isSignedOut } = {
        ...{ reason: '', isUnanswered: false, isSignedOut: false },
        ...outcome,
      }
      const state = isUnanswered ? 'unanswered' : isSignedOut ? 'signed-out' : 'refused'
      add({ id, values, reason, state })
    }
  }
  function add(failure: FailedCreation): void {
    failures.value = [...failures.value, failure]
  }
  function discard(failure: FailedCreation): void {
    failures.value = failures.value.filter((other) => other !== failure)
  }
  function retry(failure: FailedCreation): void {
    discard(failure)
    void send(failure)
  }
  /**
   * Puts a failed wish back into the form, and what was typed there aside; returns whether it could. Sent from there it
   * is another wish, with another id.
   */
  function edit(failure: FailedCreation): boolean {
    if (draft.name !== '' && !isRight()) {
      return false
    }
    if (draft.name !== '') {
      add({ id: newUuid(), values: toValues(draft), reason: '', state: 'aside' })
    }
    discard(failure)
    for (const field of FIELDS) {
      draft[field] = String(failure.values[field])
    }
    return true
  }
  const typing = createTypingCheck(
    () => checkDraft(draft, FIELDS),
    (found) => (errors.value = found),
  )
  /** Whether a factory is one that was asked for here and whose answer has not come. */
  function isAwaited(id: string): boolean {
    return failures.value.some((failure) => failure.id === id)
  }

  return {
    draft,
    errors: readonly(errors),
    failures: shallowReadonly(failures),
    create,
    retry,
    edit,
    discard,
    check: () => typing.check(draft, errors.value),
    isOpen: readonly(isOpen),
    setOpen: (open: boolean) => void (isOpen.value = open),
    isAwaited,
  }
}

export type Creation = ReturnType<typeof useCreation>

/** Reads what was kept; of a wish that was under way nobody knows whether it was granted. */
function parseKept(value: unknown): {
  draft: Record<Field, string> | undefined
  failures: FailedCreation[]
} {
  const { draft, failures, underWay } = parseRecord(value)
  const reason = 'The page was left before an answer came.'
  return {
    draft: draft === undefined ? undefined : parseDraft(draft),
    failures: [
      ...parseList(failures).map(parseFailure),
      ...parseList(underWay).map((wish) => ({
        ...parseFailure(wish),
        reason,
        state: 'unanswered' as const,
      })),
    ],
  }
}

function parseList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

const STATES = ['unanswered', 'aside', 'signed-out'] as const

function parseFailure(value: unknown): FailedCreation {
  const { id, values, reason, state } = parseRecord(value)
  return {
    id: String(id),
    values: toValues(parseDraft(values)),
    reason: String(reason),
    state: STATES.find((one) => one === state) ?? 'refused',
  }
}
