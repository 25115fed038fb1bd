/** What MSBuild is told, and that our project files read it. MSBuild itself runs on Windows alone, and has not yet. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { EventscopeError } from '../../protocol/errors.js';
import { DEFINES_PROPERTY, msbuildArguments } from './msbuild.js';

const OUTPUT = { folder: 'C:\\out', name: 'probe' };

describe('building with MSBuild (not run on Windows)', () => {
  const cases: [title: string, defines: Record<string, string>, passed: string][] = [
    ['none', {}, ''],
    ['several, parted by an escaped ";"', { A: '1', B: 'x' }, 'A=1%3BB=x'],
    ['a string, as it is', { TEXT: '"one"' }, 'TEXT="one"'],
    ['what has a meaning to MSBuild, escaped', { A: '$(X)@%,1*?' }, 'A=%24%28X%29%40%25%2C1%2A%3F'],
  ];
  for (const [title, defines, passed] of cases) {
    it(`hands defines over in one property: ${title}`, () => {
      const args = msbuildArguments('C:\\p.vcxproj', OUTPUT, defines);
      assert.ok(args.includes(`/property:${DEFINES_PROPERTY}=${passed}`), args.join('\n'));
    });
  }

  it('refuses a define that would become two', () => {
    assert.throws(
      () => msbuildArguments('C:\\p.vcxproj', OUTPUT, { A: '1;2' }),
      (error) => error instanceof EventscopeError && error.id === 'build.defines',
    );
  });

  it('says where the output goes and what it is called, and leaves signing to us', () => {
    const args = msbuildArguments('C:\\p.vcxproj', OUTPUT, {});
    for (const property of ['OutDir=C:\\out\\', 'TargetName=probe', 'SignMode=Off', 'Platform=x64']) {
      assert.ok(args.includes(`/property:${property}`), property);
    }
  });
});

/** Attribute values and texts of a project file's elements; our files use neither CDATA nor entities. */
function elements(xml: string, name: string): { readonly include: string | undefined; readonly text: string }[] {
  const plain = xml.replace(/<!--[\s\S]*?-->/g, '');
  return [...plain.matchAll(new RegExp(`<${name}(\\s[^>]*?)?(?:/>|>([\\s\\S]*?)</${name}>)`, 'g'))].map((match) => ({
    include: /\sInclude="([^"]*)"/.exec(match[1] ?? '')?.[1],
    text: (match[2] ?? '').trim(),
  }));
}

const DRIVER_FOLDER = path.resolve(import.meta.dirname, '..', '..', 'driver');

for (const [folder, file] of [
  ['sys', 'eventsys.vcxproj'],
  ['app', 'eventapp.vcxproj'],
] as const) {
  describe(file, () => {
    const place = path.join(DRIVER_FOLDER, folder);
    const xml = readFileSync(path.join(place, file), 'utf8');
    const items = (name: string): string[] => elements(xml, name).flatMap(({ include }) => include ?? []);
    const onHost = (windowsPath: string): string => path.join(place, windowsPath.replaceAll('\\', '/'));

    it('gives the compiler the definitions that are passed', () => {
      const definitions = elements(xml, 'PreprocessorDefinitions').map(({ text }) => text);
      assert.ok(definitions.length > 0);
      for (const text of definitions) {
        assert.ok(text.startsWith(`$([MSBuild]::Unescape('$(${DEFINES_PROPERTY})'));`), text);
      }
      assert.deepEqual(
        elements(xml, DEFINES_PROPERTY).map(({ text }) => text),
        ['EVENTSCOPE_TRACE=1'],
        'the default, as the sample project has it',
      );
    });

    it('lists every source of its folder', () => {
      const sources = readdirSync(place).filter((name) => name.endsWith('.c'));
      assert.deepEqual(items('ClCompile').sort(), sources.sort());
    });

    it('lists every header of its folder, and none that is not there', () => {
      const headers = readdirSync(place).filter((name) => name.endsWith('.h'));
      const listed = items('ClInclude');
      assert.deepEqual(listed.filter((name) => !name.includes('\\')).sort(), headers.sort());
      for (const name of [...listed, ...items('Inf')]) assert.ok(statSync(onHost(name)).isFile(), name);
    });

    it('looks for headers in folders that are there', () => {
      const folders = elements(xml, 'AdditionalIncludeDirectories')
        .flatMap(({ text }) => text.split(';'))
        .filter((name) => !name.startsWith('%('));
      assert.ok(folders.length > 0);
      for (const name of folders) assert.ok(statSync(onHost(name)).isDirectory(), name);
    });

    it('is built as what is passed', () => {
      const configurations = items('ProjectConfiguration');
      assert.ok(configurations.includes('Debug|x64'));
    });
  });
}
