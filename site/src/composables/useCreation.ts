import { reactive, readonly, ref, shallowReadonly, shallowRef, watch } from 'vue'

import { newFactoryId } from '@/api/factory'
import { checkDraft, toValues, type Field, type FieldErrors, type Values } from '@/api/limits'

import type { FactoryTree } from './useFactoryTree'

const FIELDS: readonly Field[] = ['name', 'lower', 'upper', 'count']

/** One factory that a person asked for. Its id is made here, so that asking again never makes two. */
interface Wish {
  readonly id: string
  readonly values: Values
}

/** A wish that was not granted: kept with all that was typed until its person has dealt with it. */
export interface FailedCreation extends Wish {
  readonly reason: string
}

/** The form for new factories. It is free for the next one at once; failures are kept beside it. */
export function useCreation(
  { writes, rows }: Pick<FactoryTree, 'writes' | 'rows'>,
  onCreated: (name: string) => void,
) {
  const draft = reactive<Record<Field, string>>({ name: '', lower: '1', upper: '100', count: '5' })
  const errors = ref<FieldErrors>({})
  const failures = shallowRef<readonly FailedCreation[]>([])

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
    errors.value = checkDraft(draft, FIELDS)
    if (Object.keys(errors.value).length > 0) {
      return false
    }
    void send({ id: newFactoryId(), values: toValues(draft) })
    draft.name = ''
    return true
  }
  async function send({ id, values }: Wish): Promise<void> {
    const outcome = await writes.create(id, values)
    if (outcome.kind === 'saved') {
      onCreated(values.name)
    } else {
      const reason = outcome.kind === 'refused' ? outcome.reason : ''
      failures.value = [...failures.value, { id, values, reason }]
    }
  }
  function discard(failure: FailedCreation): void {
    failures.value = failures.value.filter((other) => other !== failure)
  }
  function retry(failure: FailedCreation): void {
    discard(failure)
    void send(failure)
  }
  /** Puts a failed wish back into the form. Sent from there it is another wish, with another id. */
  function edit(failure: FailedCreation): void {
    discard(failure)
    for (const field of FIELDS) {
      draft[field] = String(failure.values[field])
    }
  }
  /** Takes back complaints that no longer hold; makes no new ones while somebody is typing. */
  function recheck(): void {
    const current = checkDraft(draft, FIELDS)
    const standing = FIELDS.filter((field) => errors.value[field] && current[field])
    errors.value = Object.fromEntries(standing.map((field) => [field, current[field]]))
  }

  return {
    draft,
    errors: readonly(errors),
    failures: shallowReadonly(failures),
    create,
    retry,
    edit,
    discard,
    recheck,
  }
}
