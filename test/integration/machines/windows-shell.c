/*
 * The test machine's login shell: what OpenSSH for Windows does with a client's command.
 *
 * It starts  cmd.exe /c "<command>"  with the command's text untouched (Win32-OpenSSH, session.c: the default shell is
 * cmd.exe, its option /c, the command in one pair of double quotes), hands on its own standard handles, and ends with
 * the command's exit code. `wine cmd /c ...` from a POSIX shell would quote the text a second time.
 */
#include <windows.h>

#include <stdio.h>
#include <wchar.h>

#define MAX_COMMAND 8192 /* cmd.exe takes no more than 8191 characters. */

int main(void)
{
    static WCHAR command[MAX_COMMAND];
    static WCHAR line[MAX_COMMAND + 64];
    STARTUPINFOW startup = { .cb = sizeof(startup), .dwFlags = STARTF_USESTDHANDLES };
    PROCESS_INFORMATION process;
    DWORD exitCode = 255;
    DWORD length = GetEnvironmentVariableW(L"SSH_ORIGINAL_COMMAND", command, MAX_COMMAND);

    if (length == 0 || length >= MAX_COMMAND) {
        fprintf(stderr, "no command, or one longer than %d characters\n", MAX_COMMAND - 1);
        return 255;
    }
    _snwprintf(line, sizeof(line) / sizeof(line[0]), L"C:\\windows\\system32\\cmd.exe /c \"%ls\"", command);

    startup.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    startup.hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    if (!CreateProcessW(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process)) {
        fprintf(stderr, "cmd.exe did not start: error %lu\n", GetLastError());
        return 255;
    }
    CloseHandle(process.hThread);
    WaitForSingleObject(process.hProcess, INFINITE);
    GetExitCodeProcess(process.hProcess, &exitCode);
    CloseHandle(process.hProcess);
    return (int)exitCode;
}
