//! Programs for tests, written byte by byte: no compiler here makes one that is too new for its own
//! system. Layout and numbers: System V gABI, "Object Files"; Linux Standard Base, "Symbol Versioning".

/// The properties of a program's ELF file.
pub(super) struct Crafted {
    /// ELF's number of the processor.
    pub(super) machine: u16,
    /// Its interpreter.
    pub(super) interpreter: Option<&'static str>,
    /// Undefined symbols of libc.so.6, each with the version it wants.
    pub(super) symbols: Vec<(&'static str, &'static str)>,
    /// Versions of libc.so.6 that no symbol wants.
    pub(super) promises: Vec<&'static str>,
}

const HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;

/// One section: type, linked section, count of entries for `sh_info`, size of an entry, content.
type Section = (u32, u32, u32, u64, Vec<u8>);

impl Crafted {
    /// Writes the file.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let interpreter = self
            .interpreter
            .map(|path| format!("{path}\0").into_bytes());
        let segments = usize::from(interpreter.is_some());
        let mut body = interpreter.clone().unwrap_or_default();
        let first = HEADER + segments * PROGRAM_HEADER;
        let mut headers = vec![0; 64];
        for (kind, link, info, entry, content) in self.sections() {
            let offset = first + body.len();
            headers.extend(section_header(
                kind,
                link,
                info,
                entry,
                offset,
                content.len(),
            ));
            body.extend(content);
        }
        let mut file = self.header(segments, first + body.len());
        if let Some(path) = interpreter {
            file.extend(interpreter_header(first, path.len()));
        }
        [file, body, headers].concat()
    }

    fn header(&self, segments: usize, sections_at: usize) -> Vec<u8> {
        let mut header = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        header.extend(3_u16.to_le_bytes()); // ET_DYN
        header.extend(self.machine.to_le_bytes());
        header.extend(1_u32.to_le_bytes());
        header.extend(0_u64.to_le_bytes()); // entry
        let programs_at = if segments == 0 { 0 } else { HEADER as u64 };
        header.extend(programs_at.to_le_bytes());
        header.extend((sections_at as u64).to_le_bytes());
        header.extend(0_u32.to_le_bytes());
        let sections = self.sections().len() as u16 + 1;
        for number in [64, 56, segments as u16, 64, sections, 1] {
            header.extend(number.to_le_bytes());
        }
        header
    }

    /// `.dynstr` (which names the sections as well, none of them), `.dynsym`, and both of versions.
    fn sections(&self) -> Vec<Section> {
        let mut strings = vec![0];
        let mut string = |text: &str| {
            let at = strings.len() as u32;
            strings.extend(text.as_bytes());
            strings.push(0);
            at
        };
        let (mut symbols, mut indices, mut needs) = (vec![0; 24], vec![0, 0], Vec::new());
        let library = string("libc.so.6");
        let wanted = self
            .symbols
            .iter()
            .map(|(symbol, version)| (Some(symbol), version));
        let promised = self.promises.iter().map(|version| (None, version));
        let count = self.symbols.len() + self.promises.len();
        for (place, (symbol, version)) in wanted.chain(promised).enumerate() {
            let index = place as u16 + 2; // 0 and 1 mean local and global
            if let Some(symbol) = symbol {
                symbols.extend(string(symbol).to_le_bytes());
                symbols.extend([0x22]); // STB_WEAK, STT_FUNC
                symbols.extend([0; 19]);
                indices.extend(index.to_le_bytes());
            }
            needs.extend([0; 4]); // vna_hash is not looked at
            needs.extend([0; 2]); // vna_flags
            needs.extend(index.to_le_bytes());
            needs.extend(string(version).to_le_bytes());
            let next: u32 = if place + 1 == count { 0 } else { 16 };
            needs.extend(next.to_le_bytes());
        }
        let mut need = Vec::new();
        need.extend(1_u16.to_le_bytes());
        need.extend((count as u16).to_le_bytes());
        need.extend(library.to_le_bytes());
        need.extend(16_u32.to_le_bytes()); // the first version follows
        need.extend(0_u32.to_le_bytes()); // there is no other library
        need.extend(needs);
        vec![
            (3, 0, 0, 0, strings),
            (11, 1, 1, 24, symbols),
            (0x6fff_ffff, 2, 0, 2, indices),
            (0x6fff_fffe, 1, 1, 0, need),
        ]
    }
}

fn section_header(
    kind: u32,
    link: u32,
    info: u32,
    entry: u64,
    offset: usize,
    size: usize,
) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend(0_u32.to_le_bytes()); // name
    header.extend(kind.to_le_bytes());
    header.extend([0; 16]); // flags, address
    header.extend((offset as u64).to_le_bytes());
    header.extend((size as u64).to_le_bytes());
    header.extend(link.to_le_bytes());
    header.extend(info.to_le_bytes());
    header.extend(1_u64.to_le_bytes()); // alignment
    header.extend(entry.to_le_bytes());
    header
}

fn interpreter_header(offset: usize, size: usize) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend(3_u32.to_le_bytes()); // PT_INTERP
    header.extend(4_u32.to_le_bytes()); // readable
    header.extend((offset as u64).to_le_bytes());
    header.extend([0; 16]); // addresses
    header.extend((size as u64).to_le_bytes());
    header.extend((size as u64).to_le_bytes());
    header.extend(1_u64.to_le_bytes()); // alignment
    header
}
