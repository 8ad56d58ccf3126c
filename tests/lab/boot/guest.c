/*
 * A guest of a few kilobytes that boots in a second and does one thing: it enables MSI-X on its PCI devices.
 * At power-on it enables every vector. On its serial line it takes one letter, and answers with a line that ends in "done":
 *   d       disable MSI-X
 *   e       enable it with all vectors
 *   1 to 9  enable it with so many vectors, the others masked
 *   g       enable it with all masked, then unmask them one by one, as a driver does that asks for one at a time
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

enum { SERIAL = 0x3f8, LINE_STATUS = SERIAL + 5, CONFIG_ADDRESS = 0xcf8, CONFIG_DATA = 0xcfc };
enum { COMMAND = 0x04, BAR0 = 0x10, CAPABILITIES = 0x34, MEMORY_AND_MASTER = 6, HAS_CAPABILITIES = 0x10, MSIX = 0x11 };
enum { ENTRY_WORDS = 4, MASKED = 1, ALL = 0x800, LOCAL_APIC = 0xfee00000, FIRST_VECTOR = 0x40 };
#define MSIX_ENABLE 0x80000000u
#define MSIX_CONTROL 0xc0000000u

/* Where BARs go that no firmware has placed, those of devices plugged in later: below what the firmware uses. */
static u32 free_window = 0xe0000000u;

__attribute__((section(".multiboot"), used)) static const u32 multiboot[] = {0x1badb002, 0, 0u - 0x1badb002};

static inline void outb(u16 port, u8 value) { __asm__ volatile("outb %0,%1" ::"a"(value), "Nd"(port)); }
static inline void outl(u16 port, u32 value) { __asm__ volatile("outl %0,%1" ::"a"(value), "Nd"(port)); }

static inline u8 inb(u16 port)
{
    u8 value;
    __asm__ volatile("inb %1,%0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline u32 inl(u16 port)
{
    u32 value;
    __asm__ volatile("inl %1,%0" : "=a"(value) : "Nd"(port));
    return value;
}

static void say(const char *text)
{
    for (; *text; text++) {
        while (!(inb(LINE_STATUS) & 0x20))
            ;
        outb(SERIAL, *text);
    }
}

static u32 config_read(u32 function, u32 offset)
{
    outl(CONFIG_ADDRESS, 0x80000000u | function << 8 | (offset & 0xfc));
    return inl(CONFIG_DATA);
}

static void config_write(u32 function, u32 offset, u32 value)
{
    outl(CONFIG_ADDRESS, 0x80000000u | function << 8 | (offset & 0xfc));
    outl(CONFIG_DATA, value);
}

static u32 find_msix(u32 function)
{
    if (!(config_read(function, COMMAND) >> 16 & HAS_CAPABILITIES))
        return 0;
    for (u32 at = config_read(function, CAPABILITIES) & 0xfc; at; at = config_read(function, at) >> 8 & 0xfc)
        if ((config_read(function, at) & 0xff) == MSIX)
            return at;
    return 0;
}

static u32 bar_address(u32 function, u32 bar)
{
    u32 offset = BAR0 + 4 * bar, size;
    if (!(config_read(function, offset) & ~15u)) {
        config_write(function, offset, ~0u);
        size = ~(config_read(function, offset) & ~15u) + 1;
        free_window = (free_window + size - 1) & ~(size - 1);
        config_write(function, offset, free_window);
        free_window += size;
    }
    return config_read(function, offset) & ~15u;
}

static void set_vectors(u32 function, u32 capability, u32 count, int one_by_one)
{
    u32 control = config_read(function, capability), table = config_read(function, capability + 4);
    u32 size = (control >> 16 & 0x7ff) + 1;
    volatile u32 *entries = (volatile u32 *)(bar_address(function, table & 7) + (table & ~7u));

    config_write(function, COMMAND, (config_read(function, COMMAND) & 0xffff) | MEMORY_AND_MASTER);
    for (u32 i = 0; i < size; i++) {
        entries[i * ENTRY_WORDS] = LOCAL_APIC;
        entries[i * ENTRY_WORDS + 1] = 0;
        entries[i * ENTRY_WORDS + 2] = FIRST_VECTOR + i;
        entries[i * ENTRY_WORDS + 3] = i < count && !one_by_one ? 0 : MASKED;
    }
    config_write(function, capability, (control & ~MSIX_CONTROL) | MSIX_ENABLE);
    for (u32 i = 0; one_by_one && i < size; i++)
        entries[i * ENTRY_WORDS + 3] = 0;
}

/* QEMU's own bridges and host controllers have MSI-X too, and are none of ours. */
static int is_device(u32 function)
{
    u32 id = config_read(function, 0);
    return (id & 0xffff) != 0xffff && !((id & 0xffff) == 0x1b36 && id >> 16 <= 0x000c);
}

static void obey(u8 letter)
{
    for (u32 function = 0; function < 0x10000; function++) {
        u32 capability = is_device(function) ? find_msix(function) : 0;
        if (!capability)
            continue;
        if (letter == 'd')
            config_write(function, capability, config_read(function, capability) & ~MSIX_CONTROL);
        else
            set_vectors(function, capability, letter == 'e' || letter == 'g' ? ALL : letter - '0', letter == 'g');
    }
    say("done\n");
}

struct gate {
    u16 low, selector;
    u8 zero, type;
    u16 high;
} __attribute__((packed));

static struct gate gates[256];
extern void acknowledge(void);

/* Nothing is expected of an interrupt but that it wakes the processor. */
__asm__(".globl acknowledge\n"
        "acknowledge: push %eax; mov $0x20,%al; outb %al,$0xa0; outb %al,$0x20; pop %eax; iret\n"
        ".globl start\n"
        "start: cli; mov $stack_end,%esp; lgdt table; ljmp $8,$1f\n"
        "1: mov $16,%ax; mov %ax,%ds; mov %ax,%es; mov %ax,%ss; call run\n"
        ".data; .align 8\n"
        "segments: .quad 0,0x00cf9a000000ffff,0x00cf92000000ffff\n"
        "table: .word 23; .long segments\n"
        ".bss; .align 16; .skip 8192\n"
        "stack_end:\n"
        ".text\n");

static void prepare(void)
{
    struct {
        u16 limit;
        u32 base;
    } __attribute__((packed)) pointer = {sizeof gates - 1, (u32)gates};
    static const u8 controllers[] = {0x20, 0x11, 0xa0, 0x11, 0x21, 0x20, 0xa1, 0x28, 0x21, 4, 0xa1, 2, 0x21, 1, 0xa1, 1};

    for (int i = 0; i < 256; i++)
        gates[i] = (struct gate){(u32)acknowledge, 8, 0, 0x8e, (u32)acknowledge >> 16};
    __asm__ volatile("lidt %0" ::"m"(pointer));
    for (u32 i = 0; i < sizeof controllers; i += 2)
        outb(controllers[i], controllers[i + 1]);
    outb(0x21, 0xef); /* the serial line alone */
    outb(0xa1, 0xff);
    outb(SERIAL + 3, 0x80);
    outb(SERIAL, 1);
    outb(SERIAL + 1, 0);
    outb(SERIAL + 3, 3);
    outb(SERIAL + 2, 7);
    outb(SERIAL + 4, 8 | 3);
    outb(SERIAL + 1, 1);
}

void run(void)
{
    prepare();
    obey('e');
    for (;;) {
        __asm__ volatile("sti; hlt; cli");
        while (inb(LINE_STATUS) & 1)
            obey(inb(SERIAL));
    }
}
