/*
 * point_calls.c - one call of each kind on a named event, in a known order, and the same on an event of another name: a
 * filter that names the first must not stop for the second.
 *
 * SPDX-License-Identifier: MIT
 */
#include <windows.h>

int main(void)
{
    HANDLE other = CreateEventW(NULL, TRUE, FALSE, L"Global\\OtherCalls");
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, L"Global\\PointCalls");
    DWORD outcome;

    if (event == NULL || other == NULL) {
        return 1;
    }
    if (WaitForSingleObject(other, 20) != WAIT_TIMEOUT || !SetEvent(other) || !ResetEvent(other)) {
        return 2;
    }
    outcome = WaitForSingleObject(event, 20); /* times out */
    if (outcome != WAIT_TIMEOUT) {
        return 3;
    }
    if (!SetEvent(event)) { /* nobody waits: it stays signaled */
        return 4;
    }
    outcome = WaitForSingleObject(event, 20); /* satisfied */
    if (outcome != WAIT_OBJECT_0) {
        return 5;
    }
    if (!ResetEvent(event)) {
        return 6;
    }
    if (!PulseEvent(event)) { /* nobody waits: it is lost */
        return 7;
    }
    CloseHandle(event);
    CloseHandle(other);
    return 0;
}
