<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en_GB" sourcelanguage="en">
<context>
    <name>Counts</name>
    <message numerus="yes">
        <source>%n page(s)</source>
        <translation>
            <numerusform>%n page</numerusform>
            <numerusform>%n pages</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n document(s)</source>
        <translation>
            <numerusform>%n document</numerusform>
            <numerusform>%n documents</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n core(s)</source>
        <translation>
            <numerusform>%n core</numerusform>
            <numerusform>%n cores</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Deeds</name>
    <message numerus="yes">
        <source>%n document(s) taken in ({pages}).</source>
        <translation>
            <numerusform>%n document taken in ({pages}).</numerusform>
            <numerusform>%n documents taken in ({pages}).</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n file(s) were here already.</source>
        <translation>
            <numerusform>%n file was here already.</numerusform>
            <numerusform>%n files were here already.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n file(s) could not be taken in; the reasons are on the left.</source>
        <translation>
            <numerusform>%n file could not be taken in; the reason is on the left.</numerusform>
            <numerusform>%n files could not be taken in; the reasons are on the left.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Devices</name>
    <message numerus="yes">
        <source>%n thread(s)</source>
        <translation>
            <numerusform>%n thread</numerusform>
            <numerusform>%n threads</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ExceptionsList</name>
    <message numerus="yes">
        <source>%n file(s) not taken in</source>
        <translation>
            <numerusform>%n file not taken in</numerusform>
            <numerusform>%n files not taken in</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>HelpDeeds</name>
    <message numerus="yes">
        <source>%n problem(s) found. Restore a backup, or ask for help before going on.</source>
        <translation>
            <numerusform>%n problem found. Restore a backup, or ask for help before going on.</numerusform>
            <numerusform>%n problems found. Restore a backup, or ask for help before going on.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Models</name>
    <message numerus="yes">
        <source>a spiking checkpoint, %n file(s)</source>
        <translation>
            <numerusform>a spiking checkpoint, %n file</numerusform>
            <numerusform>a spiking checkpoint, %n files</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>a checkpoint, %n file(s)</source>
        <translation>
            <numerusform>a checkpoint, %n file</numerusform>
            <numerusform>a checkpoint, %n files</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ModelsPage</name>
    <message numerus="yes">
        <source>%n reading(s) that it made of your dossiers are deleted with it. The dossiers stay.</source>
        <translation>
            <numerusform>%n reading that it made of your dossiers is deleted with it. The dossiers stay.</numerusform>
            <numerusform>%n readings that it made of your dossiers are deleted with it. The dossiers stay.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>MorePassages</name>
    <message numerus="yes">
        <source>%n more passage(s) from {documents}</source>
        <translation>
            <numerusform>%n more passage from {documents}</numerusform>
            <numerusform>%n more passages from {documents}</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Times</name>
    <message numerus="yes">
        <source>%n s</source>
        <translation>
            <numerusform>%n&#xa0;s</numerusform>
            <numerusform>%n&#xa0;s</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n min</source>
        <translation>
            <numerusform>%n&#xa0;min</numerusform>
            <numerusform>%n&#xa0;min</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n h</source>
        <translation>
            <numerusform>%n&#xa0;h</numerusform>
            <numerusform>%n&#xa0;h</numerusform>
        </translation>
    </message>
</context>
</TS>
