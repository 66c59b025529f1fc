/* What a process costs that does nothing: the measure of a quick start. */
#include <stdio.h>

int main(void) {
    puts("hello, world");
    return 0;
}
