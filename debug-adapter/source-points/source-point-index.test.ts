import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { CSyntax } from './c-syntax.js';
import { MAX_SOURCE_CHARACTERS } from './source-file.js';
import { SourcePointIndex } from './source-point-index.js';

const require = createRequire(import.meta.url);

describe('the signal and wait points of a workspace', () => {
  let syntax: CSyntax;
  let index: SourcePointIndex;
  before(async () => {
    syntax = await CSyntax.load({
      runtime: require.resolve('web-tree-sitter/web-tree-sitter.wasm'),
      c: require.resolve('tree-sitter-c/tree-sitter-c.wasm'),
      cpp: require.resolve('tree-sitter-cpp/tree-sitter-cpp.wasm'),
    });
  });
  beforeEach(() => {
    index = new SourcePointIndex(syntax);
  });
  afterEach(() => index.dispose());
  after(() => syntax.dispose());

  const DRIVER =
    'void Tick(E *e) { KeSetEvent(&e->Shared, 0, FALSE); KeClearEvent(&e->Other); KeDelayExecutionThread(0, 0, &t); }';
  const APP = 'void f(void) {\n  SetEvent(Shared);\n  WaitForSingleObject(Shared, 5);\n}';

  it('groups by object over both sides, and by side', () => {
    index.set('b.c', APP, 'c');
    index.set('a.c', DRIVER, 'c');
    assert.deepEqual(
      index.byObject().map(({ label, points }) => [label, points.map(({ file, at }) => `${file}:${at.called}`)]),
      [
        ['Other', ['a.c:KeClearEvent']],
        ['Shared', ['a.c:KeSetEvent', 'b.c:SetEvent', 'b.c:WaitForSingleObject']],
        [undefined, ['a.c:KeDelayExecutionThread']],
      ],
    );
    assert.deepEqual(
      index.ofSide('user').map(({ label }) => label),
      ['SetEvent', 'WaitForSingleObject'],
    );
  });

  it('follows edits: a line added, a call taken out, the file gone', () => {
    index.set('b.c', APP, 'c', true);
    const at = APP.indexOf('  SetEvent');
    const longer = `${APP.slice(0, at)}  ResetEvent(Shared);\n${APP.slice(at)}`;
    const insertion = { offset: at, removed: 0, text: '  ResetEvent(Shared);\n' };
    const place = { line: 1, column: 0 };
    assert.equal(index.edit('b.c', longer, 'c', [{ ...insertion, start: place, end: place }]), true);
    const lines = () => index.pointsOf('b.c').map(({ called, line }) => `${line} ${called}`);
    assert.deepEqual(lines(), ['1 ResetEvent', '2 SetEvent', '3 WaitForSingleObject']);
    const wait = '  WaitForSingleObject(Shared, 5);\n';
    const from = longer.indexOf(wait);
    const shorter = longer.replace(wait, '');
    const removal = { offset: from, removed: wait.length, text: '' };
    index.edit('b.c', shorter, 'c', [{ ...removal, start: { line: 3, column: 0 }, end: { line: 4, column: 0 } }]);
    assert.deepEqual(lines(), ['1 ResetEvent', '2 SetEvent']);
    assert.equal(index.remove('b.c'), true);
    assert.deepEqual([index.count, index.byObject()], [0, []]);
  });

  it('says that nothing changed for a file without points', () => {
    assert.equal(index.set('x.c', 'int main(void) { return 0; }', 'c'), false);
    assert.equal(index.remove('never.c'), false);
  });

  it('leaves a file out that is too large, tells so, and takes it when it is smaller', () => {
    index.set('big.c', `${APP}${' '.repeat(MAX_SOURCE_CHARACTERS)}`, 'c');
    assert.deepEqual([[...index.skipped], index.count], [['big.c'], 0]);
    index.set('big.c', APP, 'c');
    assert.deepEqual([[...index.skipped], index.count], [[], 2]);
  });

  it('keeps few trees, and an edit of a file whose tree is gone is parsed whole', () => {
    for (let file = 0; file < 20; file++) index.set(`${file}.c`, APP, 'c', true);
    index.edit('0.c', `${APP}\nvoid g(void) { ResetEvent(x); }`, 'c', []);
    assert.equal(index.pointsOf('0.c').at(-1)?.called, 'ResetEvent');
  });
});
