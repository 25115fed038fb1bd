import assert from 'node:assert/strict';
import { DebugLogParser } from './debug-log.js';

const parse = (lines: readonly string[]): (string | undefined)[] => {
  const parser = new DebugLogParser();
  return lines.map((line) => parser.line(line));
};

describe('kernel debug output of Wine', () => {
  it('takes the text out of a line, with a thread, with a process and thread, and with a time', () => {
    for (const head of ['', '00f4:', '0138:00f4:', '12.345:00f4:']) {
      const line = `${head}warn:debugstr:vDbgPrintExWithPrefix 00000065:00000003: eventsys: loaded: yes`;
      assert.deepEqual(parse([line]), ['eventsys: loaded: yes']);
    }
  });

  it('gives the lines of one print, and stops at what is not part of it', () => {
    const lines = [
      'left over',
      '00f4:warn:debugstr:vDbgPrintExWithPrefix 00000065:00000003: first',
      'second',
      '',
      '00f4:warn:debugstr:OutputDebugStringA L"an application\'s"',
      'not the kernel',
      '0024:fixme:ntoskrnl:IoCreateDevice stub',
      'wine: Unhandled page fault',
    ];
    assert.deepEqual(parse(lines), [
      undefined,
      'first',
      'second',
      '',
      undefined,
      undefined,
      undefined,
      'wine: Unhandled page fault',
    ]);
  });
});
