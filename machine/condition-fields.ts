/** What a condition may ask of a hit. */
export type ConditionField =
  | 'event'
  | 'object'
  | 'handle'
  | 'address'
  | 'side'
  | 'thread.id'
  | 'thread.name'
  | 'process.name'
  | 'process.id'
  | 'status'
  | 'previous'
  | 'timeout'
  | 'caller.module'
  | 'point'
  | 'hits';

export type FieldValue = string | number | bigint;

export interface FieldMeaning {
  readonly type: 'text' | 'number';
  /** How texts are compared: an object's path, whatever the case, or exactly. */
  readonly text?: 'path' | 'anyCase' | 'exact';
  /** For completion and hover. */
  readonly description: string;
}

export const FIELDS: Readonly<Record<ConditionField, FieldMeaning>> = {
  event: { type: 'text', text: 'path', description: 'name of the object: its path, or its last component' },
  object: { type: 'text', text: 'path', description: 'name of the object: its path, or its last component' },
  handle: { type: 'number', description: 'handle that was passed' },
  address: { type: 'number', description: 'address of the object that was passed' },
  side: { type: 'text', text: 'anyCase', description: 'kernel or user' },
  'thread.id': { type: 'number', description: 'thread that makes the call' },
  'thread.name': { type: 'text', text: 'exact', description: 'name of that thread' },
  'process.name': { type: 'text', text: 'anyCase', description: 'file name of the process' },
  'process.id': { type: 'number', description: 'process of that thread' },
  status: { type: 'number', description: 'result of the call: a number or a STATUS_ name; known at its return' },
  previous: { type: 'number', description: 'state of the object before the call; known at its return' },
  timeout: { type: 'number', description: 'of a wait, in ms; infinite for none' },
  'caller.module': { type: 'text', text: 'anyCase', description: 'file name of the module that calls' },
  point: { type: 'text', text: 'exact', description: 'name of the function' },
  hits: { type: 'number', description: 'hits of this point so far, this one included' },
};

/** The timeout of a wait that has none: longer than any other. */
export const INFINITE_TIMEOUT = (1n << 63n) - 1n;

export const isConditionField = (name: string): name is ConditionField => Object.hasOwn(FIELDS, name);
