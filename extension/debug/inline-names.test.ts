import assert from 'node:assert/strict';
import { inlineNames } from './inline-names.js';

const namesIn = (source: string, stopped: number): string[] => {
  const lines = source.split('\n');
  return inlineNames((line) => lines[line] ?? '', stopped).map(({ name, line, column }) => {
    assert.equal(lines[line]?.slice(column, column + name.length), name);
    return `${line}:${name}`;
  });
};

describe('inline names', () => {
  it('are the variables of the function, up to the line where the target stands', () => {
    const source = [
      'static LONG Other(int before)', // 0
      '{',
      '    return before;',
      '}',
      'LONG Signal(ES_EVENT *Event)', // 4
      '{',
      '    const LONG previous = KeSetEvent(Event->Object, Increment, FALSE);',
      '    int count = previous + "count" [0]; /* later */ // after',
      '    later = 1;',
      '}',
    ].join('\n');
    assert.deepEqual(namesIn(source, 7), ['6:previous', '6:Event', '6:Increment', '7:previous']);
  });

  it('are no calls, members, macros, types or words of the language', () => {
    const source = '{\n    UNICODE_STRING *name = Copy(MAX_NAME, &list.Head->Next, sizeof(other));\n\n';
    assert.deepEqual(namesIn(source, 2), ['1:name', '1:list', '1:other']);
  });

  it('of a file without functions end', () => {
    assert.equal(namesIn('f(a);\n'.repeat(1_000), 900).length, 301);
  });
});
