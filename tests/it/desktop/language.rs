//! The window in another language: chosen in the menu, remembered, and complete.

use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::bench::Bench;
use super::phantom;

/// What stays as it is in every language: names of products, formats, units and keys, and what a user or a model named.
const NAMES: &[&str] = &[
    "Prosector",
    "ITK-SNAP",
    "Slicer",
    "PACS",
    "MIP",
    "MinIP",
    "DICOM",
    "SEG",
    "RTSTRUCT",
    "RECIST",
    "SUVmax",
    "SUVpeak",
    "SUVmean",
    "MTV",
    "TLG",
    "CSV",
    "TotalSegmentator",
    "TG-263",
    "BraTS",
    "Language",
    "English",
    "Ctrl",
    "Shift",
    "Alt",
    "Enter",
    "Esc",
    "PageUp",
    "PageDown",
    "Page",
    "Escape",
    "Comma",
    "Period",
    "Plus",
    "Minus",
    "Up",
    "Down",
    "Right",
    "Left",
    "Sample",
    "phantom",
    "CPU",
    "CT",
    "PET",
    "HU",
    "RAS",
    // The toy model, its device and its structures, what draws, and egui's own word for a panel's edge.
    "Toy",
    "toy",
    "an",
    "abacus",
    "spinal",
    "cord",
    "larynx",
    "lesion",
    "llvmpipe",
    "LLVM",
    "bits",
    "Resize",
    "panel",
];

fn speak_chinese(bench: &mut Bench) {
    bench.press("View");
    bench.press("Language");
    bench.press("简体中文");
}

/// The texts of the window that have an English word which is no name.
fn english(bench: &Bench) -> Vec<String> {
    let mut found = Vec::new();
    for node in bench.harness.query_all_by(|_| true) {
        let node = node.accesskit_node();
        let texts = [node.label(), node.description(), node.value()];
        for text in texts.into_iter().flatten() {
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            let is_english = |word: &&str| {
                let letters = word.chars().filter(char::is_ascii_alphabetic).count();
                letters > 2 && !NAMES.contains(word)
            };
            if words.into_iter().any(|w| is_english(&w)) {
                found.push(text);
            }
        }
    }
    found
}

#[test]
fn the_window_speaks_chinese_without_an_english_word_left() {
    let (mut bench, _folder) = phantom();
    speak_chinese(&mut bench);
    assert!(bench.shows("文件") && !bench.shows("File"));
    assert_eq!(english(&bench), Vec::<String>::new());
    for menu in ["文件", "编辑", "视图", "帮助"] {
        bench.press(menu);
        assert_eq!(english(&bench), Vec::<String>::new(), "{menu}");
        bench.picture(&format!("chinese_{menu}"));
        bench.key(Modifiers::NONE, Key::Escape);
    }
}

#[test]
fn what_the_session_says_and_the_names_of_steps_are_chinese_too() {
    let (mut bench, _folder) = phantom();
    speak_chinese(&mut bench);
    bench.press("新建标签");
    bench.press("编辑");
    assert!(bench.shows("撤销: 添加标签"), "the step in the menu");
    bench.key(Modifiers::NONE, Key::Escape);
    bench.key(Modifiers::COMMAND, Key::E);
    let said = bench.messages().join(" ");
    assert!(said.contains("保留最大连通区：没有可更改的内容"), "{said}");
    // The palette finds a command by its name in either language.
    bench.key(Modifiers::COMMAND, Key::K);
    bench.type_text("填充孔洞");
    assert!(bench.shows("分割: 填充孔洞"));
}

#[test]
fn the_language_is_remembered_and_the_systems_is_spoken_where_none_was_chosen() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let mut bench = Bench::open(folder.path());
    assert!(bench.shows("File"), "English where nothing says otherwise");
    bench.harness.state_mut().speak_as("zh_CN.UTF-8");
    bench.settle();
    assert!(bench.shows("文件"));
    bench.press("视图");
    bench.press("语言 (Language)");
    bench.press("English");
    assert!(bench.shows("File"));
    bench.close();
    let mut bench = Bench::open_as_left(folder.path());
    bench.harness.state_mut().speak_as("zh_CN.UTF-8");
    bench.settle();
    assert!(
        bench.shows("File"),
        "what was chosen goes before the system's"
    );
}

#[test]
fn a_label_may_have_a_chinese_name() {
    let (mut bench, folder) = phantom();
    let table = folder.path().join("labels.txt");
    std::fs::write(&table, "1 200 80 80 1 1 1 \"胰腺肿瘤\"\n")
        .expect("the folder can be written to");
    bench.will_choose(table);
    bench.choose("File", "Read names and colours");
    assert!(bench.shows("胰腺肿瘤"), "{:?}", bench.texts());
    bench.picture("chinese_label");
}

#[test]
fn why_a_file_is_refused_is_said_in_chinese_with_its_reason() {
    let (mut bench, folder) = phantom();
    speak_chinese(&mut bench);
    let files: [(&str, Option<&[u8]>, &str); 3] = [
        (
            "notes.txt",
            Some(b"no scan\n"),
            "不是图像：这是文本文件；请选择 NIfTI",
        ),
        ("empty.nii", Some(b""), "文件为空"),
        ("gone.nii", None, "没有该文件或文件夹"),
    ];
    for (name, content, said) in files {
        let path = folder.path().join(name);
        if let Some(content) = content {
            std::fs::write(&path, content).expect("the folder can be written to");
        }
        bench.will_choose(path);
        bench.key(Modifiers::COMMAND, Key::O);
        assert!(bench.shows(said), "{name}: {:?}", bench.messages());
    }
    bench.press("新建标签");
    bench.will_choose(folder.path().join("missing/labels.nii.gz"));
    bench.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::S);
    assert!(bench.shows("不存在；请先创建"), "{:?}", bench.messages());
    bench.picture("chinese_refused");
}
