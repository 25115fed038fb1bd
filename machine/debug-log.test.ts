import assert from 'node:assert/strict';
import { DebugLogDecoder, DebugLogParser, MAX_DEBUG_LINE } from './debug-log.js';

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

describe('bytes of such a log', () => {
  const HEAD = '00f4:warn:debugstr:vDbgPrintExWithPrefix 00000065:00000003: ';

  it('gives the same lines however the bytes are cut', () => {
    const log = Buffer.from(`stray\n${HEAD}grün ✓\r\nsecond\n\n0024:fixme:x:y z\n${HEAD}last\n`);
    for (let size = 1; size <= log.length; size++) {
      const decoder = new DebugLogDecoder();
      const texts: string[] = [];
      const piece = Buffer.alloc(size);
      for (let at = 0; at < log.length; at += size) {
        // One buffer for all pieces, as a reader has it.
        const length = log.copy(piece, 0, at, at + size);
        texts.push(...decoder.push(piece.subarray(0, length)));
      }
      assert.deepEqual(texts, ['grün ✓', 'second', '', 'last'], `pieces of ${size}`);
    }
  });

  it('reads the ANSI code page where a text is not UTF-8', () => {
    const bytes = Buffer.concat([Buffer.from(HEAD), Buffer.from([0x67, 0x72, 0xfc, 0x6e, 0x0a])]);
    assert.deepEqual(new DebugLogDecoder().push(bytes), ['grün']);
  });

  it('cuts a long line, keeps no more of an endless one, and goes on with the next', () => {
    const decoder = new DebugLogDecoder();
    assert.deepEqual(decoder.push(Buffer.from(HEAD)), []);
    for (let count = 0; count < 100; count++) {
      assert.deepEqual(decoder.push(Buffer.alloc(10_000, 'y')), []);
    }
    const texts = decoder.push(Buffer.from(`end\n${HEAD}next\n`));
    assert.deepEqual(texts, [`${'y'.repeat(MAX_DEBUG_LINE)}…`, 'next']);
  });

  it('forgets what was begun when the log is', () => {
    const decoder = new DebugLogDecoder();
    decoder.push(Buffer.from(`${HEAD}first\nbegun`));
    decoder.reset();
    assert.deepEqual(decoder.push(Buffer.from(`stray\n${HEAD}anew\n`)), ['anew']);
  });
});
