/*
 * deep_stack.c - more than 20 frames above a loop of plain lines and calls, for measuring stackTrace and steps by line.
 *
 * SPDX-License-Identifier: MIT
 */
enum { Depth = 24, Rounds = 1000 };

static volatile int sum;

__attribute__((noinline)) static int add(int left, int right)
{
    return left + right;
}

__attribute__((noinline)) static int bottom(void)
{
    for (int round = 0; round < Rounds; round++) {
        sum += 1;
        sum = add(sum, round);
        sum ^= round;
    }
    return sum;
}

__attribute__((noinline)) static int down(int depth)
{
    const int result = depth == 0 ? bottom() : down(depth - 1);

    return result + 1;
}

int main(void)
{
    return down(Depth) == 0;
}
