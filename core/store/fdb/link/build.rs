//! SUMMARY    Makes `libfdb_c.a`: one jump through a slot for each function of functions.txt, and their list for src/lib.rs.
//! INVARIANTS x86-64 Linux only; elsewhere nothing is made, and src/lib.rs says so.

use std::{env, error::Error, fmt::Write, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=functions.txt");
    println!("cargo:rerun-if-changed=build.rs");
    let variable = |name: &str| env::var_os(name).ok_or_else(|| format!("{name} is not set"));
    if variable("CARGO_CFG_TARGET_OS")? != "linux" || variable("CARGO_CFG_TARGET_ARCH")? != "x86_64" {
        return Ok(());
    }
    let functions = fs::read_to_string("functions.txt")?;
    let (mut jumps, mut slots, mut list) = (String::new(), String::new(), String::new());
    let mut count = 0;
    for line in functions.lines().filter(|line| !line.starts_with('#')) {
        let [name, answer, need] = line.split(' ').collect::<Vec<_>>()[..] else {
            return Err(format!("functions.txt: {line}").into());
        };
        writeln!(jumps, ".globl {name}\n.type {name},@function\n{name}:\n  jmp *fdb_link_slots+{}(%rip)", count * 8)?;
        writeln!(slots, "  .quad fdb_link_missing_{answer}")?;
        writeln!(list, "    Function {{ name: c\"{name}\", needed: {} }},", need == "needed")?;
        count += 1;
    }
    let out = PathBuf::from(variable("OUT_DIR")?);
    let list = format!("pub(crate) const FUNCTIONS: [Function; {count}] = [\n{list}];\n");
    fs::write(out.join("functions.rs"), list)?;
    let source = out.join("fdb_c.s");
    fs::write(&source, SOURCE.replace("{jumps}", &jumps).replace("{slots}", &slots))?;
    // foundationdb-sys says `-lfdb_c`; the linker finds this archive in the search path and no shared object.
    cc::Build::new().file(source).cargo_metadata(false).try_compile("fdb_c")?;
    println!("cargo:rustc-link-search=native={}", out.display());
    println!("cargo:rustc-link-lib=static:-bundle=fdb_c");
    Ok(())
}

/// A slot that nothing has filled leads to one of the answers at the end.
const SOURCE: &str = r#".text
{jumps}
fdb_link_missing_code:
  movl $1500, %eax
  ret
fdb_link_missing_none:
  pxor %xmm0, %xmm0
fdb_link_missing_null:
  xorl %eax, %eax
  ret
fdb_link_missing_text:
  leaq fdb_link_sentence(%rip), %rax
  ret
.section .rodata
fdb_link_sentence:
  .string "libfdb_c is not loaded, or has not this function"
.section .data.rel,"aw",@progbits
.balign 8
.globl fdb_link_slots
.hidden fdb_link_slots
.type fdb_link_slots,@object
fdb_link_slots:
{slots}
.section .note.GNU-stack,"",@progbits
"#;
