import assert from 'node:assert/strict';
import { Terminal, type TextStream, toJson } from './terminal.js';

function recorder(tty?: { columns: number }): TextStream & { text: string } {
  return {
    text: '',
    ...(tty === undefined ? {} : { isTTY: true, columns: tty.columns }),
    write(data: string | Uint8Array) {
      this.text += typeof data === 'string' ? data : Buffer.from(data).toString('utf8');
      return true;
    },
  };
}

describe('the terminal', () => {
  it('keeps results and progress on streams of their own', () => {
    const output = recorder();
    const messages = recorder();
    const terminal = new Terminal(output, messages);
    terminal.progress('Building');
    terminal.progress('Building');
    terminal.progress('Linking');
    terminal.result('done');
    assert.equal(output.text, 'done\n');
    assert.equal(messages.text, 'Building\nLinking\n');
  });

  it('rewrites one line on a terminal, cut to its width, and takes it away before a result', () => {
    const messages = recorder({ columns: 20 });
    const terminal = new Terminal(recorder(), messages);
    terminal.progress('Copying a file with a long name');
    terminal.result('done');
    assert.equal(messages.text, '\r\x1b[KCopying a file wit…\r\x1b[K');
  });

  it('writes 64-bit integers as decimal strings and bytes as hex', () => {
    assert.equal(
      toJson({ a: 0xffff_ffff_ffff_ffffn, b: new Uint8Array([1, 255]) }),
      '{"a":"18446744073709551615","b":"01ff"}',
    );
  });
});
