<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="fr_FR" sourcelanguage="en">
<context>
    <name>Actions</name>
    <message>
        <source>Dossiers</source>
        <translation>Dossiers</translation>
    </message>
    <message>
        <source>New dossier</source>
        <translation>Nouveau dossier</translation>
    </message>
    <message>
        <source>Rename the dossier</source>
        <translation>Renommer le dossier</translation>
    </message>
    <message>
        <source>Delete the dossier</source>
        <translation>Supprimer le dossier</translation>
    </message>
    <message>
        <source>Add files</source>
        <translation>Ajouter des fichiers</translation>
    </message>
    <message>
        <source>Add a folder</source>
        <translation>Ajouter un répertoire</translation>
    </message>
    <message>
        <source>Remove the document</source>
        <translation>Retirer le document</translation>
    </message>
    <message>
        <source>Ask about the whole dossier</source>
        <translation>Interroger tout le dossier</translation>
    </message>
    <message>
        <source>Files not taken in</source>
        <translation>Fichiers non importés</translation>
    </message>
    <message>
        <source>Go on reading</source>
        <translation>Continuer la lecture</translation>
    </message>
    <message>
        <source>Stop taking in files</source>
        <translation>Arrêter l’importation</translation>
    </message>
    <message>
        <source>Questions</source>
        <translation>Questions</translation>
    </message>
    <message>
        <source>Ask</source>
        <translation>Demander</translation>
    </message>
    <message>
        <source>Stop the answer, or close the search</source>
        <translation>Arrêter la réponse, ou fermer la recherche</translation>
    </message>
    <message>
        <source>Ask again</source>
        <translation>Redemander</translation>
    </message>
    <message>
        <source>Copy the answer with its sources</source>
        <translation>Copier la réponse et ses sources</translation>
    </message>
    <message>
        <source>All passages of the answer, or the first ones</source>
        <translation>Tous les passages de la réponse, ou les premiers</translation>
    </message>
    <message>
        <source>New chat</source>
        <translation>Nouvelle conversation</translation>
    </message>
    <message>
        <source>Delete the chat</source>
        <translation>Supprimer la conversation</translation>
    </message>
    <message>
        <source>Search the dossier</source>
        <translation>Rechercher dans le dossier</translation>
    </message>
    <message>
        <source>Pages</source>
        <translation>Pages</translation>
    </message>
    <message>
        <source>Next citation</source>
        <translation>Citation suivante</translation>
    </message>
    <message>
        <source>Previous citation</source>
        <translation>Citation précédente</translation>
    </message>
    <message>
        <source>Next page</source>
        <translation>Page suivante</translation>
    </message>
    <message>
        <source>Previous page</source>
        <translation>Page précédente</translation>
    </message>
    <message>
        <source>Larger</source>
        <translation>Agrandir</translation>
    </message>
    <message>
        <source>Smaller</source>
        <translation>Réduire</translation>
    </message>
    <message>
        <source>Fit the width</source>
        <translation>Ajuster à la largeur</translation>
    </message>
    <message>
        <source>What the model sees</source>
        <translation>Ce que le modèle voit</translation>
    </message>
    <message>
        <source>Close the document</source>
        <translation>Fermer le document</translation>
    </message>
    <message>
        <source>Window</source>
        <translation>Fenêtre</translation>
    </message>
    <message>
        <source>Go to the dossiers</source>
        <translation>Aller aux dossiers</translation>
    </message>
    <message>
        <source>Go to the question</source>
        <translation>Aller à la question</translation>
    </message>
    <message>
        <source>Go to the page</source>
        <translation>Aller à la page</translation>
    </message>
    <message>
        <source>Lock now</source>
        <translation>Verrouiller</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Réglages</translation>
    </message>
    <message>
        <source>Light or dark</source>
        <translation>Clair ou sombre</translation>
    </message>
    <message>
        <source>Find a command</source>
        <translation>Trouver une commande</translation>
    </message>
    <message>
        <source>Keyboard shortcuts</source>
        <translation>Raccourcis clavier</translation>
    </message>
    <message>
        <source>About and guarantees</source>
        <translation>À propos et garanties</translation>
    </message>
    <message>
        <source>Diagnostics</source>
        <translation>Diagnostic</translation>
    </message>
    <message>
        <source>Inside the model</source>
        <translation>Dans le modèle</translation>
    </message>
    <message>
        <source>Check the vault</source>
        <translation>Vérifier le coffre</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>Quitter</translation>
    </message>
</context>
<context>
    <name>AnswerCard</name>
    <message>
        <source>Finding the passages and reading them…</source>
        <translation>Recherche et lecture des passages…</translation>
    </message>
    <message>
        <source>Loading the model…</source>
        <translation>Chargement du modèle…</translation>
    </message>
    <message>
        <source>Reading the passages: {0}</source>
        <translation>Lecture des passages&#xa0;: {0}</translation>
    </message>
    <message>
        <source>This answer was stopped; these are its words so far.</source>
        <translation>Cette réponse a été interrompue&#x202f;; voici ce qui en était écrit.</translation>
    </message>
    <message>
        <source>The dossier does not seem to hold the answer.</source>
        <translation>Le dossier ne semble pas contenir la réponse.</translation>
    </message>
    <message>
        <source>[{number}] {document}, p. {page}</source>
        <translation>[{number}] {document}, p.&#xa0;{page}</translation>
    </message>
    <message>
        <source>Closest passages</source>
        <translation>Passages les plus proches</translation>
    </message>
    <message>
        <source>Copy the answer with its sources</source>
        <translation>Copier la réponse et ses sources</translation>
    </message>
    <message>
        <source>Ask again</source>
        <translation>Redemander</translation>
    </message>
    <message>
        <source>Passages, quoted</source>
        <translation>Passages cités</translation>
    </message>
    <message>
        <source>{seconds} s</source>
        <translation>{seconds}&#xa0;s</translation>
    </message>
</context>
<context>
    <name>AnswerColumn</name>
    <message>
        <source>Show earlier answers</source>
        <translation>Afficher les réponses précédentes</translation>
    </message>
</context>
<context>
    <name>ChatHead</name>
    <message>
        <source>New chat</source>
        <translation>Nouvelle conversation</translation>
    </message>
    <message>
        <source>Chat: {title}</source>
        <translation>Conversation&#xa0;: {title}</translation>
    </message>
</context>
<context>
    <name>ChatPane</name>
    <message>
        <source>Questions and answers</source>
        <translation>Questions et réponses</translation>
    </message>
    <message>
        <source>Ask about this dossier…</source>
        <translation>Posez une question sur ce dossier…</translation>
    </message>
    <message>
        <source>Add documents first, then ask.</source>
        <translation>Ajoutez d’abord des documents, puis posez vos questions.</translation>
    </message>
    <message>
        <source>No document is chosen. Check a box on the left, or ask the whole dossier.</source>
        <translation>Aucun document n’est choisi. Cochez une case à gauche, ou interrogez tout le dossier.</translation>
    </message>
    <message>
        <source>Stopped.</source>
        <translation>Arrêté.</translation>
    </message>
</context>
<context>
    <name>CommandPalette</name>
    <message>
        <source>Find a command</source>
        <translation>Trouver une commande</translation>
    </message>
    <message>
        <source>Type a part of its name</source>
        <translation>Tapez une partie de son nom</translation>
    </message>
    <message>
        <source>Commands</source>
        <translation>Commandes</translation>
    </message>
</context>
<context>
    <name>Composer</name>
    <message>
        <source>Ask about this dossier…</source>
        <translation>Posez une question sur ce dossier…</translation>
    </message>
    <message>
        <source>Question</source>
        <translation>Question</translation>
    </message>
    <message>
        <source>Ask</source>
        <translation>Demander</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>Arrêter</translation>
    </message>
</context>
<context>
    <name>Counts</name>
    <message numerus="yes">
        <source>%n page(s)</source>
        <translation>
            <numerusform>%n&#xa0;page</numerusform>
            <numerusform>%n&#xa0;pages</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n document(s)</source>
        <translation>
            <numerusform>%n&#xa0;document</numerusform>
            <numerusform>%n&#xa0;documents</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n core(s)</source>
        <translation>
            <numerusform>%n cœur</numerusform>
            <numerusform>%n cœurs</numerusform>
        </translation>
    </message>
    <message>
        <source>{percent}%</source>
        <translation>{percent}&#x202f;%</translation>
    </message>
    <message>
        <source>Empty</source>
        <translation>Vide</translation>
    </message>
</context>
<context>
    <name>CountsChart</name>
    <message>
        <source>{share} silent</source>
        <translation>{share} muets</translation>
    </message>
    <message>
        <source>spike count; rows are layers</source>
        <translation>nombre d’impulsions&#x202f;; une ligne par couche</translation>
    </message>
</context>
<context>
    <name>CrashDialog</name>
    <message>
        <source>Something went wrong</source>
        <translation>Une erreur est survenue</translation>
    </message>
    <message>
        <source>Something went wrong in Huis Clos</source>
        <translation>Une erreur est survenue dans Huis Clos</translation>
    </message>
    <message>
        <source>It is our mistake. Nothing that was saved is lost, and you can go on. If it happens again, lock and unlock. These lines help to find the mistake; they hold nothing of your dossiers.</source>
        <translation>Cette erreur est la nôtre. Rien de ce qui était enregistré n’est perdu et vous pouvez continuer. Si elle se répète, verrouillez puis déverrouillez. Ces lignes aident à la trouver&#x202f;; elles ne contiennent rien de vos dossiers.</translation>
    </message>
    <message>
        <source>Details</source>
        <translation>Détails</translation>
    </message>
    <message>
        <source>Copy the lines</source>
        <translation>Copier les lignes</translation>
    </message>
    <message>
        <source>Go on</source>
        <translation>Continuer</translation>
    </message>
</context>
<context>
    <name>Deeds</name>
    <message>
        <source>New dossier</source>
        <translation>Nouveau dossier</translation>
    </message>
    <message>
        <source>Name of the dossier</source>
        <translation>Nom du dossier</translation>
    </message>
    <message>
        <source>Create</source>
        <translation>Créer</translation>
    </message>
    <message>
        <source>Rename the dossier</source>
        <translation>Renommer le dossier</translation>
    </message>
    <message>
        <source>Rename</source>
        <translation>Renommer</translation>
    </message>
    <message>
        <source>Its documents, chats and readings are destroyed in the vault. The files they came from stay where they are.</source>
        <translation>Ses documents, conversations et lectures sont détruits dans le coffre. Les fichiers d’origine restent où ils sont.</translation>
    </message>
    <message>
        <source>Delete “{name}”?</source>
        <translation>Supprimer «&#xa0;{name}&#xa0;»&#x202f;?</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>Supprimer</translation>
    </message>
    <message>
        <source>Keep</source>
        <translation>Conserver</translation>
    </message>
    <message>
        <source>Remove “{name}”?</source>
        <translation>Retirer «&#xa0;{name}&#xa0;»&#x202f;?</translation>
    </message>
    <message>
        <source>It is destroyed in the vault. The file it came from stays where it is. The dossier is read again without it.</source>
        <translation>Il est détruit dans le coffre. Le fichier d’origine reste où il est. Le dossier sera relu sans lui.</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>Retirer</translation>
    </message>
    <message>
        <source>Sample: a patient</source>
        <translation>Exemple&#xa0;: une patiente</translation>
    </message>
    <message>
        <source>Sample: a case</source>
        <translation>Exemple&#xa0;: une affaire</translation>
    </message>
    <message>
        <source>Files are still being taken in</source>
        <translation>Une importation est en cours</translation>
    </message>
    <message>
        <source>If you close now, taking in pauses and goes on at the same page when you unlock again. Nothing is lost.</source>
        <translation>Si vous fermez maintenant, l’importation s’interrompt et reprendra à la même page au prochain déverrouillage. Rien n’est perdu.</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Fermer</translation>
    </message>
    <message>
        <source>Stay</source>
        <translation>Rester</translation>
    </message>
    <message numerus="yes">
        <source>%n document(s) taken in ({pages}).</source>
        <translation>
            <numerusform>%n&#xa0;document importé ({pages}).</numerusform>
            <numerusform>%n&#xa0;documents importés ({pages}).</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n file(s) were here already.</source>
        <translation>
            <numerusform>%n&#xa0;fichier était déjà là.</numerusform>
            <numerusform>%n&#xa0;fichiers étaient déjà là.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n file(s) could not be taken in; the reasons are on the left.</source>
        <translation>
            <numerusform>%n&#xa0;fichier n’a pas pu être importé&#x202f;; la raison est à gauche.</numerusform>
            <numerusform>%n&#xa0;fichiers n’ont pas pu être importés&#x202f;; les raisons sont à gauche.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Devices</name>
    <message>
        <source>CPU</source>
        <translation>processeur</translation>
    </message>
    <message numerus="yes">
        <source>%n thread(s)</source>
        <translation>
            <numerusform>%n fil d’exécution</numerusform>
            <numerusform>%n fils d’exécution</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Diagnostics</name>
    <message>
        <source>Diagnostics</source>
        <translation>Diagnostic</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Copier</translation>
    </message>
    <message>
        <source>Save as a text file…</source>
        <translation>Enregistrer dans un fichier texte…</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Fermer</translation>
    </message>
    <message>
        <source>For whoever helps you when the engine stops or a file fails. Nothing of your dossiers is in it: no text, no question, no name of a file, no key. It leaves this window only if you copy or save it.</source>
        <translation>Pour la personne qui vous aide quand le moteur s’arrête ou qu’un fichier échoue. Rien de vos dossiers n’y figure&#xa0;: ni texte, ni question, ni nom de fichier, ni clé. Il ne quitte cette fenêtre que si vous le copiez ou l’enregistrez.</translation>
    </message>
    <message>
        <source>{free} free of {total}</source>
        <translation>{free} libres sur {total}</translation>
    </message>
    <message>
        <source>Program</source>
        <translation>Programme</translation>
    </message>
    <message>
        <source>Version</source>
        <translation>Version</translation>
    </message>
    <message>
        <source>Libraries</source>
        <translation>Bibliothèques</translation>
    </message>
    <message>
        <source>System</source>
        <translation>Système</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>Mémoire</translation>
    </message>
    <message>
        <source>Network blocked</source>
        <translation>Réseau bloqué</translation>
    </message>
    <message>
        <source>yes</source>
        <translation>oui</translation>
    </message>
    <message>
        <source>no</source>
        <translation>non</translation>
    </message>
    <message>
        <source>Engine</source>
        <translation>Moteur</translation>
    </message>
    <message>
        <source>State</source>
        <translation>État</translation>
    </message>
    <message>
        <source>What it says</source>
        <translation>Ce qu’il dit</translation>
    </message>
    <message>
        <source>Reason of the last end</source>
        <translation>Raison du dernier arrêt</translation>
    </message>
    <message>
        <source>Ends so far</source>
        <translation>Arrêts jusqu’ici</translation>
    </message>
    <message>
        <source>Instruction set</source>
        <translation>Jeu d’instructions</translation>
    </message>
    <message>
        <source>Memory of its process</source>
        <translation>Mémoire de son processus</translation>
    </message>
    <message>
        <source>Memory of the readings</source>
        <translation>Mémoire des lectures</translation>
    </message>
    <message>
        <source>Cage: kept</source>
        <translation>Cage&#xa0;: tenu</translation>
    </message>
    <message>
        <source>Cage: broken</source>
        <translation>Cage&#xa0;: rompu</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modèle</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>Nom</translation>
    </message>
    <message>
        <source>Weights</source>
        <translation>Poids</translation>
    </message>
    <message>
        <source>Parameters</source>
        <translation>Paramètres</translation>
    </message>
    <message>
        <source>Identity</source>
        <translation>Identité</translation>
    </message>
    <message>
        <source>Window</source>
        <translation>Fenêtre</translation>
    </message>
    <message>
        <source>Files not taken in, by reason</source>
        <translation>Fichiers non importés, par raison</translation>
    </message>
    <message>
        <source>Last lines of the engine&apos;s log</source>
        <translation>Dernières lignes du journal du moteur</translation>
    </message>
    <message>
        <source>Last lines of the program&apos;s log</source>
        <translation>Dernières lignes du journal du programme</translation>
    </message>
    <message>
        <source>Copied.</source>
        <translation>Copié.</translation>
    </message>
    <message>
        <source>Save the diagnostics</source>
        <translation>Enregistrer le diagnostic</translation>
    </message>
    <message>
        <source>huisclos-diagnostics.txt</source>
        <translation>huisclos-diagnostic.txt</translation>
    </message>
    <message>
        <source>The file could not be written. Choose another folder.</source>
        <translation>Le fichier n’a pas pu être écrit. Choisissez un autre dossier.</translation>
    </message>
    <message>
        <source>Saved.</source>
        <translation>Enregistré.</translation>
    </message>
</context>
<context>
    <name>DocumentStates</name>
    <message>
        <source>Waiting to be taken in</source>
        <translation>En attente d’importation</translation>
    </message>
    <message>
        <source>Page {done} of {total}</source>
        <translation>Page {done} sur {total}</translation>
    </message>
    <message>
        <source>Being taken in</source>
        <translation>Importation en cours</translation>
    </message>
    <message>
        <source>Not taken in</source>
        <translation>Non importé</translation>
    </message>
</context>
<context>
    <name>DocumentView</name>
    <message>
        <source>Pages of {name}</source>
        <translation>Pages de {name}</translation>
    </message>
</context>
<context>
    <name>DossierWelcome</name>
    <message>
        <source>Begin with a dossier</source>
        <translation>Commencez par un dossier</translation>
    </message>
    <message>
        <source>Drop files anywhere on this window. A dossier is made of them, and you can ask it questions.</source>
        <translation>Déposez des fichiers n’importe où dans cette fenêtre. Ils formeront un dossier que vous pourrez interroger.</translation>
    </message>
    <message>
        <source>New dossier</source>
        <translation>Nouveau dossier</translation>
    </message>
    <message>
        <source>What would you like to know?</source>
        <translation>Que voulez-vous savoir&#x202f;?</translation>
    </message>
    <message>
        <source>Every answer shows the page it comes from.</source>
        <translation>Chaque réponse montre la page dont elle vient.</translation>
    </message>
    <message>
        <source>One moment</source>
        <translation>Un instant</translation>
    </message>
    <message>
        <source>As soon as the first document is taken in, you can ask.</source>
        <translation>Dès que le premier document est importé, vous pouvez poser vos questions.</translation>
    </message>
    <message>
        <source>This dossier is empty</source>
        <translation>Ce dossier est vide</translation>
    </message>
    <message>
        <source>Drop PDF, Word, mail or text files here, or choose them from a folder.</source>
        <translation>Déposez ici des fichiers PDF, Word, texte ou des courriels, ou choisissez-les dans un répertoire.</translation>
    </message>
    <message>
        <source>Add files…</source>
        <translation>Ajouter des fichiers…</translation>
    </message>
</context>
<context>
    <name>DropVeil</name>
    <message>
        <source>The originals stay where they are; encrypted copies go into the vault.</source>
        <translation>Les originaux restent où ils sont&#x202f;; des copies chiffrées vont dans le coffre.</translation>
    </message>
    <message>
        <source>Drop to make a new dossier</source>
        <translation>Déposez pour créer un nouveau dossier</translation>
    </message>
    <message>
        <source>Drop to add to “{dossier}”</source>
        <translation>Déposez pour ajouter à «&#xa0;{dossier}&#xa0;»</translation>
    </message>
</context>
<context>
    <name>Energy</name>
    <message>
        <source>not measurable here</source>
        <translation>pas mesurable ici</translation>
    </message>
    <message>
        <source>{joules} J per answer</source>
        <translation>{joules}&#xa0;J par réponse</translation>
    </message>
    <message>
        <source>{joules} J per page</source>
        <translation>{joules}&#xa0;J par page</translation>
    </message>
    <message>
        <source>nothing measured yet</source>
        <translation>rien de mesuré encore</translation>
    </message>
    <message>
        <source>Measured by this machine&apos;s own counters for the last answer and the last pages read: all programs that ran meanwhile are in it.</source>
        <translation>Mesuré par les compteurs de cette machine, pour la dernière réponse et les dernières pages lues&#xa0;: tous les programmes qui tournaient pendant ce temps sont compris.</translation>
    </message>
    <message>
        <source>This machine counts its energy, but lets only its administrator read the counters.</source>
        <translation>Cette machine compte son énergie, mais ne laisse lire les compteurs qu’à son administrateur.</translation>
    </message>
    <message>
        <source>This machine has no energy counters that can be read. Nothing is shown in their place.</source>
        <translation>Cette machine n’a pas de compteur d’énergie lisible. Rien n’est affiché à la place.</translation>
    </message>
</context>
<context>
    <name>EngineStates</name>
    <message>
        <source>No model</source>
        <translation>Aucun modèle</translation>
    </message>
    <message>
        <source>No model – search works</source>
        <translation>Aucun modèle – la recherche fonctionne</translation>
    </message>
    <message>
        <source>Engine starting…</source>
        <translation>Démarrage du moteur…</translation>
    </message>
    <message>
        <source>Loading the model…</source>
        <translation>Chargement du modèle…</translation>
    </message>
    <message>
        <source>Engine restarting…</source>
        <translation>Redémarrage du moteur…</translation>
    </message>
    <message>
        <source>Engine stopped – search works</source>
        <translation>Moteur arrêté – la recherche fonctionne</translation>
    </message>
</context>
<context>
    <name>ExceptionRow</name>
    <message>
        <source>Retry</source>
        <translation>Réessayer</translation>
    </message>
    <message>
        <source>Retry {name}</source>
        <translation>Réessayer {name}</translation>
    </message>
    <message>
        <source>Dismiss</source>
        <translation>Ignorer</translation>
    </message>
    <message>
        <source>Dismiss {name}</source>
        <translation>Ignorer {name}</translation>
    </message>
</context>
<context>
    <name>ExceptionsList</name>
    <message numerus="yes">
        <source>%n file(s) not taken in</source>
        <translation>
            <numerusform>%n&#xa0;fichier non importé</numerusform>
            <numerusform>%n&#xa0;fichiers non importés</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>ExportButton</name>
    <message>
        <source>Export</source>
        <translation>Exporter</translation>
    </message>
    <message>
        <source>Picture (PNG)…</source>
        <translation>Image (PNG)…</translation>
    </message>
    <message>
        <source>Spikes shown (CSV)…</source>
        <translation>Impulsions affichées (CSV)…</translation>
    </message>
    <message>
        <source>Figures of all layers (CSV)…</source>
        <translation>Chiffres de toutes les couches (CSV)…</translation>
    </message>
    <message>
        <source>The file could not be written there. Choose another place.</source>
        <translation>Le fichier n’a pas pu être écrit à cet endroit. Choisissez-en un autre.</translation>
    </message>
</context>
<context>
    <name>FailureWords</name>
    <message>
        <source>key-file</source>
        <translation>fichier de clés</translation>
    </message>
    <message>
        <source>database</source>
        <translation>base de données</translation>
    </message>
    <message>
        <source>blob</source>
        <translation>document enregistré</translation>
    </message>
    <message>
        <source>sealed-file</source>
        <translation>lecture enregistrée</translation>
    </message>
    <message>
        <source>unknown binary file</source>
        <translation>fichier binaire inconnu</translation>
    </message>
    <message>
        <source>Word 97-2003, or another old Office format</source>
        <translation>Word 97-2003, ou un autre ancien format Office</translation>
    </message>
    <message>
        <source>program</source>
        <translation>programme</translation>
    </message>
    <message>
        <source>video</source>
        <translation>vidéo</translation>
    </message>
    <message>
        <source>audio or video</source>
        <translation>audio ou vidéo</translation>
    </message>
    <message>
        <source>model</source>
        <translation>modèle</translation>
    </message>
    <message>
        <source>it is not a converted model file (GGUF)</source>
        <translation>ce n’est pas un fichier de modèle converti (GGUF)</translation>
    </message>
    <message>
        <source>the engine could not load it</source>
        <translation>le moteur n’a pas pu le charger</translation>
    </message>
    <message>
        <source>the engine stopped several times</source>
        <translation>le moteur s’est arrêté plusieurs fois</translation>
    </message>
</context>
<context>
    <name>Failures</name>
    <message>
        <source>A mail within a mail within a mail: only two levels are opened.</source>
        <translation>Un courriel dans un courriel dans un courriel&#xa0;: seuls deux niveaux sont ouverts.</translation>
    </message>
    <message>
        <source>A passphrase is needed: type it, or send it as the first line of input.</source>
        <translation>Une phrase de passe est nécessaire&#xa0;: tapez-la, ou envoyez-la en première ligne de l’entrée.</translation>
    </message>
    <message>
        <source>A stored file is missing from the vault ({id}). Restore a backup to get it back.</source>
        <translation>Un fichier enregistré manque dans le coffre ({id}). Restaurez une sauvegarde pour le retrouver.</translation>
    </message>
    <message>
        <source>A write was begun inside another write.</source>
        <translation>Une écriture a commencé à l’intérieur d’une autre.</translation>
    </message>
    <message>
        <source>An attachment is too large and was left out.</source>
        <translation>Une pièce jointe est trop volumineuse et a été laissée de côté.</translation>
    </message>
    <message>
        <source>Another program is holding the vault&apos;s database. Try again in a moment.</source>
        <translation>Un autre programme occupe la base de données du coffre. Réessayez dans un instant.</translation>
    </message>
    <message>
        <source>At most {most} files are taken in at once; {count} more were left out. Drop them again.</source>
        <translation>{most} fichiers au plus sont importés à la fois&#x202f;; {count} autres ont été laissés de côté. Déposez-les de nouveau.</translation>
    </message>
    <message>
        <source>Bringing the vault up to date failed at step {version} ({kind}). The vault is as it was before that step.</source>
        <translation>La mise à jour du coffre a échoué à l’étape {version} ({kind}). Le coffre est tel qu’avant cette étape.</translation>
    </message>
    <message>
        <source>Files cannot be read safely on this system: {reason}.</source>
        <translation>Les fichiers ne peuvent pas être lus en sécurité sur ce système&#xa0;: {reason}.</translation>
    </message>
    <message>
        <source>Give the dossier a name.</source>
        <translation>Donnez un nom au dossier.</translation>
    </message>
    <message>
        <source>Images are not a kind of file that can be read yet ({kind}).</source>
        <translation>Les images ne peuvent pas encore être lues ({kind}).</translation>
    </message>
    <message>
        <source>Links in this folder are not followed ({count}). Drop the files they lead to.</source>
        <translation>Les liens de ce répertoire ne sont pas suivis ({count}). Déposez les fichiers auxquels ils mènent.</translation>
    </message>
    <message>
        <source>No page has any text: it is a scan. It can be viewed; reading scans comes later.</source>
        <translation>Aucune page ne contient de texte&#xa0;: c’est un document numérisé. Il peut être affiché&#x202f;; la lecture des numérisations viendra plus tard.</translation>
    </message>
    <message>
        <source>No text on this page: it may be a scan.</source>
        <translation>Aucun texte sur cette page&#xa0;: c’est peut-être une numérisation.</translation>
    </message>
    <message>
        <source>Page {page} is not there (yet).</source>
        <translation>La page {page} n’est pas (encore) là.</translation>
    </message>
    <message>
        <source>Pictures in this document have no text and were left out.</source>
        <translation>Les images de ce document n’ont pas de texte et ont été laissées de côté.</translation>
    </message>
    <message>
        <source>Reading the dossier stopped: {why}. Searching and asking work; start the reading again later.</source>
        <translation>La lecture du dossier s’est arrêtée&#xa0;: {why}. La recherche et les questions fonctionnent&#x202f;; relancez la lecture plus tard.</translation>
    </message>
    <message>
        <source>Reading the file failed and was stopped; nothing else was touched.</source>
        <translation>La lecture du fichier a échoué et a été arrêtée&#x202f;; rien d’autre n’a été touché.</translation>
    </message>
    <message>
        <source>Reading the file gave an answer that cannot be right, so it was stopped.</source>
        <translation>La lecture du fichier a donné un résultat impossible&#x202f;; elle a été arrêtée.</translation>
    </message>
    <message>
        <source>Reading the file needs more memory than is allowed.</source>
        <translation>La lecture du fichier demande plus de mémoire qu’il n’est permis.</translation>
    </message>
    <message>
        <source>Reading the file takes longer than is allowed.</source>
        <translation>La lecture du fichier prend plus de temps qu’il n’est permis.</translation>
    </message>
    <message>
        <source>Several models are called “{name}”. Use the id of one of them.</source>
        <translation>Plusieurs modèles s’appellent «&#xa0;{name}&#xa0;». Indiquez l’identifiant de l’un d’eux.</translation>
    </message>
    <message>
        <source>Some signs of this document cannot be drawn; its text is complete.</source>
        <translation>Certains signes de ce document ne peuvent pas être dessinés&#x202f;; son texte est complet.</translation>
    </message>
    <message>
        <source>Something went wrong inside Huis Clos ({kind}).</source>
        <translation>Une erreur est survenue dans Huis Clos ({kind}).</translation>
    </message>
    <message>
        <source>Spikes are “off”, or “k=” with a number up to 1024, as in “k=3.0”; “{given}” is neither.</source>
        <translation>Les impulsions sont «&#xa0;off&#xa0;», ou «&#xa0;k=&#xa0;» avec un nombre jusqu’à 1024, comme «&#xa0;k=3.0&#xa0;»&#x202f;; «&#xa0;{given}&#xa0;» n’est ni l’un ni l’autre.</translation>
    </message>
    <message>
        <source>Taking this file in ended the program several times, so it was set aside.</source>
        <translation>L’importation de ce fichier a interrompu le programme plusieurs fois&#x202f;; il a été mis de côté.</translation>
    </message>
    <message>
        <source>Taking this file in was stopped. Try it again whenever you like.</source>
        <translation>L’import de ce fichier a été arrêté. Réessayez quand vous voulez.</translation>
    </message>
    <message>
        <source>The content is neither a kind of document we know nor readable text.</source>
        <translation>Le contenu n’est ni un type de document connu ni un texte lisible.</translation>
    </message>
    <message>
        <source>The database refused a statement ({kind}).</source>
        <translation>La base de données a refusé une instruction ({kind}).</translation>
    </message>
    <message>
        <source>The disk is full. Free some space and try again; nothing was lost.</source>
        <translation>Le disque est plein. Libérez de l’espace et réessayez&#x202f;; rien n’est perdu.</translation>
    </message>
    <message>
        <source>The disk reported an error. Nothing more will be written until the vault is opened again. Check the disk.</source>
        <translation>Le disque a signalé une erreur. Plus rien ne sera écrit avant la prochaine ouverture du coffre. Vérifiez le disque.</translation>
    </message>
    <message>
        <source>The document has no page {page}.</source>
        <translation>Le document n’a pas de page {page}.</translation>
    </message>
    <message>
        <source>The document has no pages.</source>
        <translation>Le document n’a aucune page.</translation>
    </message>
    <message>
        <source>The document has {pages} pages, the limit is {limit}.</source>
        <translation>Le document a {pages}&#xa0;pages, la limite est de {limit}.</translation>
    </message>
    <message>
        <source>The document holds more text than is allowed.</source>
        <translation>Le document contient plus de texte qu’il n’est permis.</translation>
    </message>
    <message>
        <source>The document unpacks to more than is allowed. It was not opened.</source>
        <translation>Une fois décompressé, le document dépasse ce qui est permis. Il n’a pas été ouvert.</translation>
    </message>
    <message>
        <source>The document&apos;s packing is not what a Word document looks like. It was not opened.</source>
        <translation>Ce fichier n’est pas fait comme un document Word. Il n’a pas été ouvert.</translation>
    </message>
    <message>
        <source>The engine could not look inside the model: {why}.</source>
        <translation>Le moteur n’a pas pu regarder dans le modèle&#xa0;: {why}.</translation>
    </message>
    <message>
        <source>The engine stopped ({reason}) and is being restarted. Nothing is lost.</source>
        <translation>Le moteur s’est arrêté ({reason}) et redémarre. Rien n’est perdu.</translation>
    </message>
    <message>
        <source>The engine stopped several times in a row ({reason}). Search works; choose the model again to restart it.</source>
        <translation>Le moteur s’est arrêté plusieurs fois de suite ({reason}). La recherche fonctionne&#x202f;; choisissez de nouveau le modèle pour le relancer.</translation>
    </message>
    <message>
        <source>The file could not be read. Check its rights and that its disk is there.</source>
        <translation>Le fichier n’a pas pu être lu. Vérifiez ses droits et la présence de son disque.</translation>
    </message>
    <message>
        <source>The file could not be taken in ({code}).</source>
        <translation>Le fichier n’a pas pu être importé ({code}).</translation>
    </message>
    <message>
        <source>The file is damaged or cut short, and nothing in it could be read.</source>
        <translation>Le fichier est endommagé ou tronqué, et rien n’a pu y être lu.</translation>
    </message>
    <message>
        <source>The file is damaged; what could be recovered was taken in.</source>
        <translation>Le fichier est endommagé&#x202f;; ce qui a pu être récupéré a été importé.</translation>
    </message>
    <message>
        <source>The file is empty (0 bytes).</source>
        <translation>Le fichier est vide (0&#xa0;octet).</translation>
    </message>
    <message>
        <source>The file is not known any more. Drop it again.</source>
        <translation>Le fichier n’est plus connu. Déposez-le de nouveau.</translation>
    </message>
    <message>
        <source>The file is not there any more: it was moved, renamed or deleted.</source>
        <translation>Le fichier n’est plus là&#xa0;: il a été déplacé, renommé ou supprimé.</translation>
    </message>
    <message>
        <source>The file is protected by a password. Save a copy without a password and drop it again.</source>
        <translation>Le fichier est protégé par un mot de passe. Enregistrez une copie sans mot de passe et déposez-la.</translation>
    </message>
    <message>
        <source>The file is too large: {size_mb} MB, the limit is {limit_mb} MB.</source>
        <translation>Le fichier est trop volumineux&#xa0;: {size_mb}&#xa0;Mo, la limite est de {limit_mb}&#xa0;Mo.</translation>
    </message>
    <message>
        <source>The folder of the models cannot be changed. Check the free space and the rights on it.</source>
        <translation>Le dossier des modèles ne peut pas être modifié. Vérifiez l’espace libre et les droits.</translation>
    </message>
    <message>
        <source>The mail has {count} attachments, the limit is {limit}.</source>
        <translation>Le courriel a {count} pièces jointes, la limite est de {limit}.</translation>
    </message>
    <message>
        <source>The model that comes with Huis Clos cannot be removed.</source>
        <translation>Le modèle fourni avec Huis Clos ne peut pas être retiré.</translation>
    </message>
    <message>
        <source>The name says PDF, but the content is not a PDF.</source>
        <translation>Le nom annonce un PDF, mais le contenu n’en est pas un.</translation>
    </message>
    <message>
        <source>The name says Word document, but the content is not one.</source>
        <translation>Le nom annonce un document Word, mais le contenu n’en est pas un.</translation>
    </message>
    <message>
        <source>The passphrase is not right. Nothing was changed.</source>
        <translation>La phrase de passe n’est pas la bonne. Rien n’a été modifié.</translation>
    </message>
    <message>
        <source>The passphrase is too easy to guess: it needs {least} characters or more, not all alike.</source>
        <translation>La phrase de passe est trop facile à deviner&#xa0;: il faut au moins {least} caractères, pas tous semblables.</translation>
    </message>
    <message>
        <source>The sample dossiers are not installed.</source>
        <translation>Les dossiers d’exemple ne sont pas installés.</translation>
    </message>
    <message>
        <source>The settings could not be saved. Check the free space and the rights on their folder.</source>
        <translation>Les réglages n’ont pas pu être enregistrés. Vérifiez l’espace libre et les droits de leur répertoire.</translation>
    </message>
    <message>
        <source>The two passphrases are not the same. Nothing was created.</source>
        <translation>Les deux phrases de passe diffèrent. Rien n’a été créé.</translation>
    </message>
    <message>
        <source>The vault is already open in another window (process {process}). Close it there first.</source>
        <translation>Le coffre est déjà ouvert dans une autre fenêtre (processus {process}). Fermez-la d’abord.</translation>
    </message>
    <message>
        <source>The vault is damaged ({part}). It was left as it is: restore a backup, or run a check to see what is affected.</source>
        <translation>Le coffre est endommagé ({part}). Il a été laissé tel quel&#xa0;: restaurez une sauvegarde, ou lancez une vérification pour voir ce qui est touché.</translation>
    </message>
    <message>
        <source>The vault is locked. Enter the passphrase to go on.</source>
        <translation>Le coffre est verrouillé. Entrez la phrase de passe pour continuer.</translation>
    </message>
    <message>
        <source>There is already a dossier called “{name}”.</source>
        <translation>Il y a déjà un dossier appelé «&#xa0;{name}&#xa0;».</translation>
    </message>
    <message>
        <source>There is no dossier called “{name}” in this vault.</source>
        <translation>Il n’y a pas de dossier appelé «&#xa0;{name}&#xa0;» dans ce coffre.</translation>
    </message>
    <message>
        <source>There is no model called “{name}” here.</source>
        <translation>Aucun modèle ne s’appelle «&#xa0;{name}&#xa0;» ici.</translation>
    </message>
    <message>
        <source>There is no text in the file.</source>
        <translation>Il n’y a pas de texte dans le fichier.</translation>
    </message>
    <message>
        <source>There is no vault in {folder}.</source>
        <translation>Il n’y a pas de coffre dans {folder}.</translation>
    </message>
    <message>
        <source>There is not enough memory to open the vault. Close other programs and try again.</source>
        <translation>Il n’y a pas assez de mémoire pour ouvrir le coffre. Fermez d’autres programmes et réessayez.</translation>
    </message>
    <message>
        <source>This answer is not there any more.</source>
        <translation>Cette réponse n’est plus là.</translation>
    </message>
    <message>
        <source>This document does not exist any more.</source>
        <translation>Ce document n’existe plus.</translation>
    </message>
    <message>
        <source>This document was taken in; trying it again would change nothing.</source>
        <translation>Ce document est déjà importé&#x202f;; réessayer n’y changerait rien.</translation>
    </message>
    <message>
        <source>This dossier does not exist any more.</source>
        <translation>Ce dossier n’existe plus.</translation>
    </message>
    <message>
        <source>This entry is not in the list any more.</source>
        <translation>Cette ligne n’est plus dans la liste.</translation>
    </message>
    <message>
        <source>This folder could not be opened, so nothing in it was taken in. Check its rights.</source>
        <translation>Ce répertoire n’a pas pu être ouvert&#xa0;: rien de son contenu n’a été importé. Vérifiez ses droits.</translation>
    </message>
    <message>
        <source>This installation&apos;s cryptography gives wrong answers ({primitive}). Nothing was opened.</source>
        <translation>La cryptographie de cette installation donne des résultats faux ({primitive}). Rien n’a été ouvert.</translation>
    </message>
    <message>
        <source>This installation&apos;s database library cannot be trusted: {reason}.</source>
        <translation>La bibliothèque de base de données de cette installation n’est pas digne de confiance&#xa0;: {reason}.</translation>
    </message>
    <message>
        <source>This is neither a file nor a folder that can be taken in.</source>
        <translation>Ce n’est ni un fichier ni un répertoire qui puisse être importé.</translation>
    </message>
    <message>
        <source>This is not a kind of file that can be read yet ({kind}).</source>
        <translation>Ce type de fichier ne peut pas encore être lu ({kind}).</translation>
    </message>
    <message>
        <source>This mail has more attachments than are taken in; the rest was left out.</source>
        <translation>Ce courriel a plus de pièces jointes qu’il n’en est importé&#x202f;; le reste a été laissé de côté.</translation>
    </message>
    <message>
        <source>This model cannot be kept as “{name}”. It can be kept as: {offered}.</source>
        <translation>Ce modèle ne peut pas être conservé en «&#xa0;{name}&#xa0;». Formes possibles&#xa0;: {offered}.</translation>
    </message>
    <message>
        <source>This model is not installed any more. Choose another one.</source>
        <translation>Ce modèle n’est plus installé. Choisissez-en un autre.</translation>
    </message>
    <message>
        <source>This needs {needed_mb} MB of free disk space; there are {free_mb} MB. Free some space and try again.</source>
        <translation>Il faut {needed_mb}&#xa0;Mo d’espace libre sur le disque&#x202f;; il y en a {free_mb}. Libérez de l’espace et réessayez.</translation>
    </message>
    <message>
        <source>This page holds more text than is allowed; the rest was left out.</source>
        <translation>Cette page contient plus de texte qu’il n’est permis&#x202f;; le reste a été laissé de côté.</translation>
    </message>
    <message>
        <source>This page is damaged and could not be read.</source>
        <translation>Cette page est endommagée et n’a pas pu être lue.</translation>
    </message>
    <message>
        <source>This vault was written by a newer version of Huis Clos. Install that version to open it; nothing was changed.</source>
        <translation>Ce coffre a été écrit par une version plus récente de Huis Clos. Installez-la pour l’ouvrir&#x202f;; rien n’a été modifié.</translation>
    </message>
    <message>
        <source>Type a question first.</source>
        <translation>Tapez d’abord une question.</translation>
    </message>
    <message>
        <source>a description in it is not valid</source>
        <translation>une description qu’il contient n’est pas valable</translation>
    </message>
    <message>
        <source>a scale of the spiking weights is not a positive number</source>
        <translation>une échelle des poids à impulsions n’est pas un nombre positif</translation>
    </message>
    <message>
        <source>a text in it is not UTF-8</source>
        <translation>un texte qu’il contient n’est pas en UTF-8</translation>
    </message>
    <message>
        <source>a weight file wants to do more than hold weights; nothing in it was run</source>
        <translation>un fichier de poids veut faire autre chose que contenir des poids&#x202f;; rien n’en a été exécuté</translation>
    </message>
    <message>
        <source>a weight is not a finite number</source>
        <translation>un poids n’est pas un nombre fini</translation>
    </message>
    <message>
        <source>a weight is thousands of times its scale, or is not a number</source>
        <translation>un poids vaut des milliers de fois son échelle, ou n’est pas un nombre</translation>
    </message>
    <message>
        <source>a weight is too large to be made smaller in this form</source>
        <translation>un poids est trop grand pour être réduit sous cette forme</translation>
    </message>
    <message>
        <source>another model was chosen</source>
        <translation>un autre modèle a été choisi</translation>
    </message>
    <message>
        <source>it cannot run with spikes in that way</source>
        <translation>il ne peut pas tourner avec des impulsions de cette façon</translation>
    </message>
    <message>
        <source>it could not be started</source>
        <translation>il n’a pas pu démarrer</translation>
    </message>
    <message>
        <source>it did not answer any more</source>
        <translation>il ne répondait plus</translation>
    </message>
    <message>
        <source>it ended by itself</source>
        <translation>il s’est arrêté de lui-même</translation>
    </message>
    <message>
        <source>it ended too often in a row</source>
        <translation>il s’est arrêté trop souvent de suite</translation>
    </message>
    <message>
        <source>it holds weights that are not known</source>
        <translation>il contient des poids inconnus</translation>
    </message>
    <message>
        <source>it holds weights that no such model has</source>
        <translation>il contient des poids qu’aucun modèle de ce genre ne possède</translation>
    </message>
    <message>
        <source>it is a kind of model that does not run here</source>
        <translation>c’est un genre de modèle qui ne fonctionne pas ici</translation>
    </message>
    <message>
        <source>it is a model for llama.cpp, which is not installed here (the extra gguf)</source>
        <translation>c’est un modèle pour llama.cpp, qui n’est pas installé ici (l’extra gguf)</translation>
    </message>
    <message>
        <source>it is neither a model file nor the folder of a checkpoint</source>
        <translation>ce n’est ni un fichier de modèle ni le dossier d’un modèle publié</translation>
    </message>
    <message>
        <source>it is of another version than this window</source>
        <translation>il n’est pas de la même version que cette fenêtre</translation>
    </message>
    <message>
        <source>it was closed</source>
        <translation>il a été fermé</translation>
    </message>
    <message>
        <source>its chat template cannot be read</source>
        <translation>son gabarit de conversation est illisible</translation>
    </message>
    <message>
        <source>its chat template fails</source>
        <translation>son gabarit de conversation échoue</translation>
    </message>
    <message>
        <source>its chat template is or writes too much</source>
        <translation>son gabarit de conversation est trop long ou écrit trop</translation>
    </message>
    <message>
        <source>its chat template refuses the question</source>
        <translation>son gabarit de conversation refuse la question</translation>
    </message>
    <message>
        <source>its chat template wants to do what no template may</source>
        <translation>son gabarit de conversation veut faire ce qu’aucun gabarit ne doit faire</translation>
    </message>
    <message>
        <source>its chat template works too long</source>
        <translation>son gabarit de conversation travaille trop longtemps</translation>
    </message>
    <message>
        <source>its configuration contradicts itself or is not usable</source>
        <translation>sa configuration se contredit ou n’est pas utilisable</translation>
    </message>
    <message>
        <source>its files are not complete</source>
        <translation>ses fichiers ne sont pas au complet</translation>
    </message>
    <message>
        <source>its kind of tokenizer does not run here</source>
        <translation>ce genre de segmenteur ne fonctionne pas ici</translation>
    </message>
    <message>
        <source>its tokenizer is not usable</source>
        <translation>son segmenteur n’est pas utilisable</translation>
    </message>
    <message>
        <source>its weights are not usable</source>
        <translation>ses poids ne sont pas utilisables</translation>
    </message>
    <message>
        <source>its weights are not what was written: the file is damaged</source>
        <translation>ses poids ne sont pas ceux qui ont été écrits&#xa0;: le fichier est endommagé</translation>
    </message>
    <message>
        <source>llama.cpp cannot compute it</source>
        <translation>llama.cpp ne sait pas le calculer</translation>
    </message>
    <message>
        <source>no model is loaded</source>
        <translation>aucun modèle n’est chargé</translation>
    </message>
    <message>
        <source>the computing kernels do not work on this machine</source>
        <translation>les routines de calcul ne fonctionnent pas sur cette machine</translation>
    </message>
    <message>
        <source>the conversion was stopped; nothing was left behind</source>
        <translation>la conversion a été arrêtée&#x202f;; rien n’en est resté</translation>
    </message>
    <message>
        <source>the engine did not understand what it was asked</source>
        <translation>le moteur n’a pas compris la demande</translation>
    </message>
    <message>
        <source>the engine has another model loaded</source>
        <translation>un autre modèle est déjà chargé dans le moteur</translation>
    </message>
    <message>
        <source>the engine made a mistake of its own</source>
        <translation>le moteur a commis une erreur</translation>
    </message>
    <message>
        <source>the engine refused it</source>
        <translation>le moteur l’a refusé</translation>
    </message>
    <message>
        <source>the engine was not handed the file</source>
        <translation>le fichier n’a pas été transmis au moteur</translation>
    </message>
    <message>
        <source>the file cannot be read</source>
        <translation>le fichier ne peut pas être lu</translation>
    </message>
    <message>
        <source>the file claims to be larger than any model may be</source>
        <translation>le fichier se dit plus grand qu’un modèle ne peut l’être</translation>
    </message>
    <message>
        <source>the file ends too early</source>
        <translation>le fichier s’arrête trop tôt</translation>
    </message>
    <message>
        <source>the file is malformed</source>
        <translation>le fichier est mal formé</translation>
    </message>
    <message>
        <source>the file is of a version that is not known</source>
        <translation>le fichier est d’une version inconnue</translation>
    </message>
    <message>
        <source>the kept reading is damaged</source>
        <translation>la lecture conservée est endommagée</translation>
    </message>
    <message>
        <source>the kept reading is of another model or text</source>
        <translation>la lecture conservée est celle d’un autre modèle ou d’un autre texte</translation>
    </message>
    <message>
        <source>the model keeps every token it reads, and has no room for more</source>
        <translation>le modèle garde chaque jeton lu, et n’a plus de place</translation>
    </message>
    <message>
        <source>the new file cannot be written there</source>
        <translation>le nouveau fichier ne peut pas être écrit à cet endroit</translation>
    </message>
    <message>
        <source>the program was replaced while it ran; close it and open it again</source>
        <translation>le programme a été remplacé pendant qu’il fonctionnait&#x202f;; fermez-le et rouvrez-le</translation>
    </message>
    <message>
        <source>the question is empty</source>
        <translation>la question est vide</translation>
    </message>
    <message>
        <source>the reading cannot be kept: the disk is full or fails</source>
        <translation>la lecture ne peut pas être conservée&#xa0;: le disque est plein ou défaillant</translation>
    </message>
    <message>
        <source>the reading is not in the engine any more</source>
        <translation>la lecture n’est plus dans le moteur</translation>
    </message>
    <message>
        <source>the same weights occur twice</source>
        <translation>les mêmes poids s’y trouvent deux fois</translation>
    </message>
    <message>
        <source>the text is too long for the engine</source>
        <translation>le texte est trop long pour le moteur</translation>
    </message>
    <message>
        <source>there are too many readings at once</source>
        <translation>il y a trop de lectures à la fois</translation>
    </message>
    <message>
        <source>there is not enough memory for it</source>
        <translation>il n’y a pas assez de mémoire</translation>
    </message>
    <message>
        <source>there is not enough room on the disk</source>
        <translation>il n’y a pas assez de place sur le disque</translation>
    </message>
    <message>
        <source>this kind of weights does not fit this checkpoint: spiking ones have their own</source>
        <translation>ce type de poids ne convient pas à ces fichiers&#xa0;: les modèles à impulsions ont le leur</translation>
    </message>
    <message>
        <source>this kind of weights is not known</source>
        <translation>ce type de poids est inconnu</translation>
    </message>
    <message>
        <source>weights are declared larger than any file can be</source>
        <translation>des poids se disent plus grands qu’aucun fichier ne peut l’être</translation>
    </message>
    <message>
        <source>weights are missing</source>
        <translation>des poids manquent</translation>
    </message>
    <message>
        <source>weights are stored in a form that cannot be used</source>
        <translation>des poids sont enregistrés sous une forme inutilisable</translation>
    </message>
    <message>
        <source>weights do not have the shape the model calls for</source>
        <translation>des poids n’ont pas la forme que le modèle exige</translation>
    </message>
    <message>
        <source>what it said could not be understood</source>
        <translation>ce qu’il a dit n’a pas pu être compris</translation>
    </message>
    <message>
        <source>what it says about itself is not usable</source>
        <translation>ce qu’il dit de lui-même n’est pas utilisable</translation>
    </message>
    <message>
        <source>{count} more pages were not taken in whole; most likely they are scans.</source>
        <translation>{count} autres pages n’ont pas été importées en entier&#x202f;; ce sont sans doute des numérisations.</translation>
    </message>
    <message>
        <source>{folder} cannot be read or written. Check the rights on it.</source>
        <translation>{folder} ne peut pas être lu ou écrit. Vérifiez ses droits.</translation>
    </message>
    <message>
        <source>{folder} is not empty. Choose a new folder for the vault.</source>
        <translation>{folder} n’est pas vide. Choisissez un nouveau répertoire pour le coffre.</translation>
    </message>
    <message>
        <source>{folder} lies on a network drive, which can lose writes. Choose a local folder.</source>
        <translation>{folder} est sur un lecteur réseau, qui peut perdre des écritures. Choisissez un répertoire local.</translation>
    </message>
    <message>
        <source>{name} cannot be used as a model. {because}</source>
        <translation>{name} ne peut pas servir de modèle. {because}</translation>
    </message>
    <message>
        <source>{name} cannot be used as a model: {why}{about}.</source>
        <translation>{name} ne peut pas servir de modèle&#xa0;: {why}{about}.</translation>
    </message>
    <message>
        <source>Something unexpected happened. What was saved is whole; try again.</source>
        <translation>Un imprévu est survenu. Ce qui était enregistré est intact&#x202f;; réessayez.</translation>
    </message>
</context>
<context>
    <name>FileDialogs</name>
    <message>
        <source>Add files</source>
        <translation>Ajouter des fichiers</translation>
    </message>
    <message>
        <source>Documents</source>
        <translation>Documents</translation>
    </message>
    <message>
        <source>All files</source>
        <translation>Tous les fichiers</translation>
    </message>
    <message>
        <source>Add a folder</source>
        <translation>Ajouter un répertoire</translation>
    </message>
    <message>
        <source>Add a model</source>
        <translation>Ajouter un modèle</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>Modèles</translation>
    </message>
</context>
<context>
    <name>Grades</name>
    <message>
        <source>Checked on the page</source>
        <translation>Vérifié sur la page</translation>
    </message>
    <message>
        <source>From the reading</source>
        <translation>D’après la lecture</translation>
    </message>
    <message>
        <source>Not in the dossier</source>
        <translation>Absent du dossier</translation>
    </message>
    <message>
        <source>The quoted words were found, letter by letter, on the page that is cited. Whether they answer the question is yours to judge.</source>
        <translation>Les mots cités ont été retrouvés, lettre à lettre, sur la page indiquée. À vous de juger s’ils répondent à la question.</translation>
    </message>
    <message>
        <source>The model says so; none of its words could be checked on a page. Look before you rely on it.</source>
        <translation>Le modèle le dit&#x202f;; aucun de ses mots n’a pu être vérifié sur une page. Regardez avant de vous y fier.</translation>
    </message>
    <message>
        <source>The passages that fit the question do not hold the answer.</source>
        <translation>Les passages qui conviennent à la question ne contiennent pas la réponse.</translation>
    </message>
</context>
<context>
    <name>Guarantees</name>
    <message>
        <source>About and guarantees</source>
        <translation>À propos et garanties</translation>
    </message>
    <message>
        <source>Version {version} · free software under the AGPL 3.0 or later</source>
        <translation>Version {version} · logiciel libre sous AGPL 3.0 ou ultérieure</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Fermer</translation>
    </message>
    <message>
        <source>The operating system refuses every internet connection to this window and to everything it starts. This was tried out at the start: a connection was asked for and refused.</source>
        <translation>Le système d’exploitation refuse toute connexion internet à cette fenêtre et à tout ce qu’elle lance. Cela a été éprouvé au démarrage&#xa0;: une connexion a été demandée et refusée.</translation>
    </message>
    <message>
        <source>This program contains no code that opens a connection, but on this system nothing enforces it: {reason}</source>
        <translation>Ce programme ne contient aucun code qui ouvre une connexion, mais sur ce système rien ne l’impose&#xa0;: {reason}</translation>
    </message>
    <message>
        <source>No network</source>
        <translation>Aucun réseau</translation>
    </message>
    <message>
        <source>Encrypted on disk</source>
        <translation>Chiffré sur le disque</translation>
    </message>
    <message>
        <source>Documents, their text, the index, chats and readings are encrypted with a key that only your passphrase or the recovery code opens. Settings and models are not: they hold nothing of a dossier.</source>
        <translation>Les documents, leur texte, l’index, les conversations et les lectures sont chiffrés avec une clé que seule votre phrase de passe ou le code de secours peut ouvrir. Les réglages et les modèles ne le sont pas&#xa0;: ils ne contiennent rien d’un dossier.</translation>
    </message>
    <message>
        <source>Files are opened in a cage</source>
        <translation>Les fichiers s’ouvrent dans une cage</translation>
    </message>
    <message>
        <source>Every file is read in a process of its own that holds no key and is ended afterwards. On Linux it can open no file, no connection and no program, and its memory and time are bounded.</source>
        <translation>Chaque fichier est lu dans un processus à part, qui ne détient aucune clé et prend fin ensuite. Sous Linux, il ne peut ouvrir ni fichier, ni connexion, ni programme, et sa mémoire et son temps sont bornés.</translation>
    </message>
    <message>
        <source>The model has no key</source>
        <translation>Le modèle n’a pas de clé</translation>
    </message>
    <message>
        <source>The engine is a separate process. It gets the passages of a question, never the vault&apos;s key, and can open no connection.</source>
        <translation>Le moteur est un processus séparé. Il reçoit les passages d’une question, jamais la clé du coffre, et ne peut ouvrir aucune connexion.</translation>
    </message>
    <message>
        <source>Quotes are checked by code</source>
        <translation>Les citations sont vérifiées par le programme</translation>
    </message>
    <message>
        <source>● means that the quoted words were found on the cited page by comparing them, not by asking the model.</source>
        <translation>● signifie que les mots cités ont été retrouvés sur la page indiquée en les comparant, et non en interrogeant le modèle.</translation>
    </message>
    <message>
        <source>Locked when left alone</source>
        <translation>Verrouillé quand il reste seul</translation>
    </message>
    <message>
        <source>Without a key or a click for a while the program ends and starts again locked, so that no key stays in memory. While a reading, an answer or an import is under way it first hides everything behind a veil and locks when the work has ended.</source>
        <translation>Sans frappe ni clic pendant un moment, le programme se termine et repart verrouillé, pour qu’aucune clé ne reste en mémoire. Pendant une lecture, une réponse ou une importation, il cache d’abord tout derrière un voile et verrouille quand le travail est fini.</translation>
    </message>
    <message>
        <source>Not promised</source>
        <translation>Ce qui n’est pas promis</translation>
    </message>
    <message>
        <source>Nothing protects an unlocked vault from someone who sits at this computer or controls its system. Answers can miss what is there: they replace no reading and are no medical or legal advice.</source>
        <translation>Rien ne protège un coffre déverrouillé de qui s’assoit devant cet ordinateur ou en contrôle le système. Une réponse peut manquer ce qui est là&#xa0;: elle ne remplace aucune lecture et n’est ni un avis médical ni un conseil juridique.</translation>
    </message>
</context>
<context>
    <name>HelpDeeds</name>
    <message>
        <source>Checking the vault…</source>
        <translation>Vérification du coffre…</translation>
    </message>
    <message numerus="yes">
        <source>%n problem(s) found. Restore a backup, or ask for help before going on.</source>
        <translation>
            <numerusform>%n&#xa0;problème trouvé. Restaurez une sauvegarde, ou demandez de l’aide avant de continuer.</numerusform>
            <numerusform>%n&#xa0;problèmes trouvés. Restaurez une sauvegarde, ou demandez de l’aide avant de continuer.</numerusform>
        </translation>
    </message>
    <message>
        <source>The vault is whole: {documents}, {pages}.</source>
        <translation>Le coffre est intact&#xa0;: {documents}, {pages}.</translation>
    </message>
    <message>
        <source>Recovery code</source>
        <translation>Code de secours</translation>
    </message>
</context>
<context>
    <name>HitDelegate</name>
    <message>
        <source>p. {page}</source>
        <translation>p.&#xa0;{page}</translation>
    </message>
</context>
<context>
    <name>InsideDialog</name>
    <message>
        <source>Inside the model</source>
        <translation>Dans le modèle</translation>
    </message>
    <message>
        <source>this model</source>
        <translation>ce modèle</translation>
    </message>
    <message>
        <source>a transformer of the same shape</source>
        <translation>un transformeur de même forme</translation>
    </message>
    <message>
        <source>No model is loaded.</source>
        <translation>Aucun modèle n’est chargé.</translation>
    </message>
    <message>
        <source>This model runs without spikes: its weights and inputs are ordinary numbers. Choose a k to run it with its inputs as whole spike counts of a threshold, mean|x| / k; its answers will differ a little.</source>
        <translation>Ce modèle tourne sans impulsions&#xa0;: ses poids et ses entrées sont des nombres ordinaires. Choisissez un k pour coder ses entrées en nombres entiers d’impulsions d’un seuil, moyenne|x| / k&#x202f;; ses réponses changeront un peu.</translation>
    </message>
    <message>
        <source>This checkpoint was made for spikes and computes them exactly as published.</source>
        <translation>Ce modèle a été fait pour les impulsions et les calcule exactement comme il a été publié.</translation>
    </message>
    <message>
        <source>This model is made to run with its inputs coded as whole spike counts.</source>
        <translation>Ce modèle est fait pour tourner avec ses entrées codées en nombres entiers d’impulsions.</translation>
    </message>
    <message>
        <source>Inputs are coded as whole spike counts; answers may differ a little from those without.</source>
        <translation>Les entrées sont codées en nombres entiers d’impulsions&#x202f;; les réponses peuvent différer un peu de celles sans.</translation>
    </message>
    <message>
        <source>Ask a question to see them.</source>
        <translation>Posez une question pour les voir.</translation>
    </message>
    <message>
        <source>Counted in what the model wrote last, one token of {every}.</source>
        <translation>Compté dans ce que le modèle a écrit en dernier, un jeton sur {every}.</translation>
    </message>
    <message>
        <source>At {tokens} tokens a reading takes {own}; a transformer of the same shape would keep {other}. Computed from the shapes, not measured: keys and values of every layer, in half precision.</source>
        <translation>À {tokens} jetons, une lecture prend {own}&#x202f;; un transformeur de même forme garderait {other}. Calculé d’après les formes, non mesuré&#xa0;: clés et valeurs de chaque couche, en demi-précision.</translation>
    </message>
    <message>
        <source>This one stops growing at {tokens} tokens.</source>
        <translation>Celui-ci cesse de grandir à {tokens} jetons.</translation>
    </message>
    <message>
        <source>Energy: {told}</source>
        <translation>Énergie&#xa0;: {told}</translation>
    </message>
    <message>
        <source>Estimate for event-driven hardware in 45 nm, not measured and not this machine: {saved} less than FP16, {saved8} less than INT8 per operation, without moving data.</source>
        <translation>Estimation pour du matériel événementiel en 45 nm, ni mesurée ni de cette machine&#xa0;: {saved} de moins qu’en FP16, {saved8} de moins qu’en INT8 par opération, sans le transport des données.</translation>
    </message>
    <message>
        <source>Counts by layer</source>
        <translation>Nombres par couche</translation>
    </message>
    <message>
        <source>Memory of a reading</source>
        <translation>Mémoire d’une lecture</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Fermer</translation>
    </message>
</context>
<context>
    <name>InsideFigures</name>
    <message>
        <source>spikes per neuron, bitwise · ternary</source>
        <translation>impulsions par neurone, bits · unités</translation>
    </message>
    <message>
        <source>Mean over all neurons, sites and counted tokens: a spike per set bit of a count, or one per unit.</source>
        <translation>Moyenne sur tous les neurones, endroits et jetons comptés&#xa0;: une impulsion par bit à 1 du nombre, ou une par unité.</translation>
    </message>
    <message>
        <source>silent neurons</source>
        <translation>neurones muets</translation>
    </message>
    <message>
        <source>Share of counts that are 0: hardware for spikes would skip their weights.</source>
        <translation>Part des nombres égaux à 0&#xa0;: un matériel à impulsions sauterait leurs poids.</translation>
    </message>
    <message>
        <source>counts up to 7 · over 16</source>
        <translation>nombres jusqu’à 7 · plus de 16</translation>
    </message>
    <message>
        <source>Shares of counts by size. The largest was {largest}.</source>
        <translation>Parts des nombres par taille. Le plus grand était {largest}.</translation>
    </message>
    <message>
        <source>firing rate, bitwise</source>
        <translation>taux de décharge, par bits</translation>
    </message>
    <message>
        <source>Spikes over neurons and time steps; every call takes as many steps as its largest count needs. With a step per unit it is {units}.</source>
        <translation>Impulsions par neurone et par pas de temps&#x202f;; chaque appel prend autant de pas que son plus grand nombre en demande. Avec un pas par unité, c’est {units}.</translation>
    </message>
    <message>
        <source>sparsity, by definition</source>
        <translation>parcimonie, selon la définition</translation>
    </message>
    <message>
        <source>The literature says “sparsity” for several things. A, of the lowest three bits: {a}. B, of counts up to 7 alone: {b}. E, of counts up to 7 over all: {e}. F, of all bits over four steps: {f}. R, one less the firing rate: {r}.</source>
        <translation>La littérature dit «&#xa0;parcimonie&#xa0;» pour plusieurs choses. A, des trois bits bas&#xa0;: {a}. B, des nombres jusqu’à 7 seuls&#xa0;: {b}. E, des nombres jusqu’à 7 sur tous&#xa0;: {e}. F, de tous les bits sur quatre pas&#xa0;: {f}. R, un moins le taux de décharge&#xa0;: {r}.</translation>
    </message>
</context>
<context>
    <name>InsideSites</name>
    <message>
        <source>into attention</source>
        <translation>vers l’attention</translation>
    </message>
    <message>
        <source>out of attention</source>
        <translation>sortie d’attention</translation>
    </message>
    <message>
        <source>into the MLP</source>
        <translation>vers le MLP</translation>
    </message>
    <message>
        <source>into the last matrix</source>
        <translation>vers la dernière matrice</translation>
    </message>
    <message>
        <source>window queries</source>
        <translation>requêtes de fenêtre</translation>
    </message>
</context>
<context>
    <name>Kinds</name>
    <message>
        <source>Mail</source>
        <translation>Courriel</translation>
    </message>
    <message>
        <source>Text</source>
        <translation>Texte</translation>
    </message>
</context>
<context>
    <name>LanguagePage</name>
    <message>
        <source>Ask your confidential dossiers questions on this computer, and see the page behind every answer.</source>
        <translation>Interrogez vos dossiers confidentiels sur cet ordinateur, et voyez la page derrière chaque réponse.</translation>
    </message>
    <message>
        <source>Everything stays on this computer. The network is blocked for this program.</source>
        <translation>Tout reste sur cet ordinateur. Le réseau est bloqué pour ce programme.</translation>
    </message>
    <message>
        <source>Everything it keeps is encrypted with your passphrase.</source>
        <translation>Tout ce qu’il conserve est chiffré avec votre phrase de passe.</translation>
    </message>
    <message>
        <source>Every answer is tied to words on a page, checked by the program, not by the model.</source>
        <translation>Chaque réponse tient à des mots sur une page, vérifiés par le programme et non par le modèle.</translation>
    </message>
    <message>
        <source>Continue</source>
        <translation>Continuer</translation>
    </message>
</context>
<context>
    <name>LibraryPane</name>
    <message>
        <source>Dossiers</source>
        <translation>Dossiers</translation>
    </message>
    <message>
        <source>Documents</source>
        <translation>Documents</translation>
    </message>
    <message>
        <source>Drop files or folders here</source>
        <translation>Déposez ici des fichiers ou des répertoires</translation>
    </message>
    <message>
        <source>PDF, Word, mails and text. They are copied, encrypted, into the vault.</source>
        <translation>PDF, Word, courriels et texte. Ils sont copiés, chiffrés, dans le coffre.</translation>
    </message>
    <message>
        <source>Add files…</source>
        <translation>Ajouter des fichiers…</translation>
    </message>
    <message>
        <source>Drop files to begin a dossier</source>
        <translation>Déposez des fichiers pour commencer un dossier</translation>
    </message>
    <message>
        <source>Or make an empty one and add to it later.</source>
        <translation>Ou créez-en un vide et complétez-le plus tard.</translation>
    </message>
    <message>
        <source>New dossier</source>
        <translation>Nouveau dossier</translation>
    </message>
    <message>
        <source>Try the samples</source>
        <translation>Essayer les exemples</translation>
    </message>
    <message>
        <source>Ask about this document alone</source>
        <translation>Interroger ce document seul</translation>
    </message>
</context>
<context>
    <name>MainWindow</name>
    <message>
        <source>This document is not in the vault any more.</source>
        <translation>Ce document n’est plus dans le coffre.</translation>
    </message>
    <message>
        <source>Taking in files…</source>
        <translation>Importation…</translation>
    </message>
</context>
<context>
    <name>MemoryChart</name>
    <message>
        <source>tokens read</source>
        <translation>jetons lus</translation>
    </message>
</context>
<context>
    <name>ModelAdding</name>
    <message>
        <source>Add a model</source>
        <translation>Ajouter un modèle</translation>
    </message>
    <message>
        <source>Answer with it from now on</source>
        <translation>Répondre avec lui désormais</translation>
    </message>
    <message>
        <source>Progress</source>
        <translation>Avancement</translation>
    </message>
    <message>
        <source>Add this model</source>
        <translation>Ajouter ce modèle</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Annuler</translation>
    </message>
    <message>
        <source>Looking at it…</source>
        <translation>Examen en cours…</translation>
    </message>
    <message>
        <source>The original stays where it is. {free} are free on the disk.</source>
        <translation>L’original reste où il est. {free} sont libres sur le disque.</translation>
    </message>
    <message>
        <source>There is not enough room: {needed} are needed, {free} are free.</source>
        <translation>La place manque&#xa0;: il faut {needed}, {free} sont libres.</translation>
    </message>
    <message>
        <source>This can take a while. Cancelling leaves nothing behind.</source>
        <translation>Cela peut durer. Une annulation ne laisse rien derrière elle.</translation>
    </message>
    <message>
        <source>Converting: {percent}%</source>
        <translation>Conversion&#xa0;: {percent}&#xa0;%</translation>
    </message>
    <message>
        <source>Converting…</source>
        <translation>Conversion…</translation>
    </message>
    <message>
        <source>Trying it out and measuring its speed…</source>
        <translation>Essai et mesure de sa vitesse…</translation>
    </message>
    <message>
        <source>It is installed and answers from now on.</source>
        <translation>Il est installé et répond désormais.</translation>
    </message>
    <message>
        <source>It is installed. Choose it in the list when you want it.</source>
        <translation>Il est installé. Choisissez-le dans la liste quand vous voudrez.</translation>
    </message>
    <message>
        <source>Nothing was installed.</source>
        <translation>Rien n’a été installé.</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Fermer</translation>
    </message>
    <message>
        <source>Stopping…</source>
        <translation>Arrêt…</translation>
    </message>
</context>
<context>
    <name>ModelPage</name>
    <message>
        <source>The model that answers</source>
        <translation>Le modèle qui répond</translation>
    </message>
    <message>
        <source>It runs inside this computer, in a process of its own that can open no connection.</source>
        <translation>Il fonctionne dans cet ordinateur, dans un processus à part qui ne peut ouvrir aucune connexion.</translation>
    </message>
    <message>
        <source>No model is installed</source>
        <translation>Aucun modèle n’est installé</translation>
    </message>
    <message>
        <source>Search and the page viewer work without one. Answers are then the best passages, quoted.</source>
        <translation>La recherche et l’affichage des pages fonctionnent sans modèle. Les réponses sont alors les meilleurs passages, cités.</translation>
    </message>
    <message>
        <source>comes with Huis Clos</source>
        <translation>fourni avec Huis Clos</translation>
    </message>
    <message>
        <source>{count} million parameters</source>
        <translation>{count} millions de paramètres</translation>
    </message>
    <message>
        <source>It comes with the program and needs no download.</source>
        <translation>Il est fourni avec le programme et ne demande aucun téléchargement.</translation>
    </message>
    <message>
        <source>A larger model can be added at any time in the settings.</source>
        <translation>Un modèle plus grand peut être ajouté à tout moment dans les réglages.</translation>
    </message>
    <message>
        <source>Continue</source>
        <translation>Continuer</translation>
    </message>
</context>
<context>
    <name>Models</name>
    <message>
        <source>It finds the words that answer a question and quotes them with their page; it does not reason, summarise or write, and can miss what is there.</source>
        <translation>Il trouve les mots qui répondent à une question et les cite avec leur page&#x202f;; il ne raisonne pas, ne résume pas, ne rédige pas, et peut passer à côté de ce qui s’y trouve.</translation>
    </message>
    <message>
        <source>{count} billion parameters</source>
        <translation>{count} milliards de paramètres</translation>
    </message>
    <message>
        <source>{count} million parameters</source>
        <translation>{count} millions de paramètres</translation>
    </message>
    <message>
        <source>licence not stated</source>
        <translation>licence non indiquée</translation>
    </message>
    <message>
        <source>licence: {name}</source>
        <translation>licence&#xa0;: {name}</translation>
    </message>
    <message>
        <source>BF16 – exact</source>
        <translation>BF16 – exact</translation>
    </message>
    <message>
        <source>Q8 – nearly exact, half the size</source>
        <translation>Q8 – presque exact, moitié moins gros</translation>
    </message>
    <message>
        <source>Q4 – a third of the size, less exact</source>
        <translation>Q4 – trois fois moins gros, moins exact</translation>
    </message>
    <message>
        <source>SPIKE8 – exact spikes</source>
        <translation>SPIKE8 – impulsions exactes</translation>
    </message>
    <message>
        <source>Fits this computer: {size} of {memory} of memory.</source>
        <translation>Convient à cet ordinateur&#xa0;: {size} sur {memory} de mémoire.</translation>
    </message>
    <message>
        <source>Fits tightly: {size} of {memory} of memory. Close other programs.</source>
        <translation>Tient de justesse&#xa0;: {size} sur {memory} de mémoire. Fermez d’autres programmes.</translation>
    </message>
    <message>
        <source>Does not fit: {size}, and this computer has {memory} of memory. It may be very slow, or not load at all.</source>
        <translation>Ne tient pas&#xa0;: {size}, et cet ordinateur a {memory} de mémoire. Il peut être très lent, ou ne pas se charger du tout.</translation>
    </message>
    <message>
        <source>a model file</source>
        <translation>un fichier de modèle</translation>
    </message>
    <message numerus="yes">
        <source>a spiking checkpoint, %n file(s)</source>
        <translation>
            <numerusform>un modèle publié à impulsions, %n fichier</numerusform>
            <numerusform>un modèle publié à impulsions, %n fichiers</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>a checkpoint, %n file(s)</source>
        <translation>
            <numerusform>un modèle publié, %n fichier</numerusform>
            <numerusform>un modèle publié, %n fichiers</numerusform>
        </translation>
    </message>
    <message>
        <source>Measured here: reads {read}, writes {write} tokens/s</source>
        <translation>Mesuré ici&#xa0;: lit {read}, écrit {write} jetons/s</translation>
    </message>
    <message>
        <source>“{dossier}”, {pages}: more than it can hold; it answers from the passages found</source>
        <translation>«&#xa0;{dossier}&#xa0;», {pages}&#xa0;: plus qu’il ne peut garder&#x202f;; il répond d’après les passages trouvés</translation>
    </message>
    <message>
        <source>“{dossier}”, {pages}: about {time} to read here</source>
        <translation>«&#xa0;{dossier}&#xa0;», {pages}&#xa0;: environ {time} de lecture ici</translation>
    </message>
    <message>
        <source>Every token read takes {size} of memory more.</source>
        <translation>Chaque jeton lu prend {size} de mémoire de plus.</translation>
    </message>
    <message>
        <source>Every token read takes {size} of memory more; it can hold about {pages} here.</source>
        <translation>Chaque jeton lu prend {size} de mémoire de plus&#x202f;; il peut en retenir ici environ {pages}.</translation>
    </message>
    <message>
        <source>76B-like, unverified</source>
        <translation>façon 76B, non vérifié</translation>
    </message>
    <message>
        <source>Transformer: memory grows with length.</source>
        <translation>Transformeur&#xa0;: la mémoire croît avec la longueur.</translation>
    </message>
</context>
<context>
    <name>ModelsPage</name>
    <message>
        <source>Models</source>
        <translation>Modèles</translation>
    </message>
    <message>
        <source>Progress</source>
        <translation>Avancement</translation>
    </message>
    <message>
        <source>Add a folder…</source>
        <translation>Ajouter un répertoire…</translation>
    </message>
    <message>
        <source>Add a file…</source>
        <translation>Ajouter un fichier…</translation>
    </message>
    <message>
        <source>The folder of a checkpoint or a model file (GGUF) can be added, or dropped here. It is converted or copied, hashed and tried out by a process of its own, and never leaves this computer.</source>
        <translation>Le répertoire d’un modèle publié ou un fichier de modèle (GGUF) peut être ajouté, ou déposé ici. Un processus à part le convertit ou le copie, en prend l’empreinte et l’essaie&#xa0;; il ne quitte jamais cet ordinateur.</translation>
    </message>
    <message>
        <source>No model is installed. Search and the page viewer work without one.</source>
        <translation>Aucun modèle n’est installé. La recherche et l’affichage des pages fonctionnent sans modèle.</translation>
    </message>
    <message>
        <source>“{dossier}” is answered by</source>
        <translation>«&#xa0;{dossier}&#xa0;» reçoit ses réponses de</translation>
    </message>
    <message>
        <source>the model chosen above</source>
        <translation>le modèle choisi ci-dessus</translation>
    </message>
    <message>
        <source>comes with Huis Clos</source>
        <translation>fourni avec Huis Clos</translation>
    </message>
    <message>
        <source>added by you</source>
        <translation>ajouté par vous</translation>
    </message>
    <message>
        <source>Check {name}</source>
        <translation>Vérifier {name}</translation>
    </message>
    <message>
        <source>Remove {name}</source>
        <translation>Retirer {name}</translation>
    </message>
    <message>
        <source>The model is loaded.</source>
        <translation>Le modèle est chargé.</translation>
    </message>
    <message>
        <source>This dossier has its model. Its reading by another model is kept.</source>
        <translation>Ce dossier a son modèle. La lecture faite par un autre modèle est conservée.</translation>
    </message>
    <message>
        <source>“{name}” is, to the last byte, what was added.</source>
        <translation>«&#xa0;{name}&#xa0;» est, à l’octet près, ce qui a été ajouté.</translation>
    </message>
    <message>
        <source>“{name}” is damaged: it is not what was added. Remove it and add it again.</source>
        <translation>«&#xa0;{name}&#xa0;» est endommagé&#xa0;: ce n’est plus ce qui a été ajouté. Retirez-le et ajoutez-le de nouveau.</translation>
    </message>
    <message>
        <source>Its file is deleted from this computer; the original you added it from is not touched.</source>
        <translation>Son fichier est supprimé de cet ordinateur&#xa0;; l’original dont il vient n’est pas touché.</translation>
    </message>
    <message numerus="yes">
        <source>%n reading(s) that it made of your dossiers are deleted with it. The dossiers stay.</source>
        <translation>
            <numerusform>%n lecture de vos dossiers, faite par lui, est supprimée avec lui. Les dossiers restent.</numerusform>
            <numerusform>%n lectures de vos dossiers, faites par lui, sont supprimées avec lui. Les dossiers restent.</numerusform>
        </translation>
    </message>
    <message>
        <source>Remove “{name}”?</source>
        <translation>Retirer «&#xa0;{name}&#xa0;»&#xa0;?</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>Retirer</translation>
    </message>
    <message>
        <source>Keep it</source>
        <translation>Le garder</translation>
    </message>
    <message>
        <source>The model is removed.</source>
        <translation>Le modèle est retiré.</translation>
    </message>
</context>
<context>
    <name>MorePassages</name>
    <message numerus="yes">
        <source>%n more passage(s) from {documents}</source>
        <translation>
            <numerusform>%n&#xa0;autre passage, de {documents}</numerusform>
            <numerusform>%n&#xa0;autres passages, de {documents}</numerusform>
        </translation>
    </message>
    <message>
        <source>Show the first passages only</source>
        <translation>Ne montrer que les premiers passages</translation>
    </message>
    <message>
        <source>Unfolded</source>
        <translation>Déplié</translation>
    </message>
    <message>
        <source>Folded</source>
        <translation>Replié</translation>
    </message>
</context>
<context>
    <name>NameDialog</name>
    <message>
        <source>Cancel</source>
        <translation>Annuler</translation>
    </message>
</context>
<context>
    <name>Notice</name>
    <message>
        <source>Close this message</source>
        <translation>Fermer ce message</translation>
    </message>
</context>
<context>
    <name>Panes</name>
    <message>
        <source>Questions</source>
        <translation>Questions</translation>
    </message>
    <message>
        <source>Pages</source>
        <translation>Pages</translation>
    </message>
    <message>
        <source>Questions or pages</source>
        <translation>Questions ou pages</translation>
    </message>
</context>
<context>
    <name>PassphraseChange</name>
    <message>
        <source>Present passphrase, or the recovery code</source>
        <translation>Phrase de passe actuelle, ou code de secours</translation>
    </message>
    <message>
        <source>New passphrase</source>
        <translation>Nouvelle phrase de passe</translation>
    </message>
    <message>
        <source>The same once more</source>
        <translation>La même, une seconde fois</translation>
    </message>
    <message>
        <source>Change the passphrase</source>
        <translation>Changer la phrase de passe</translation>
    </message>
    <message>
        <source>New recovery code…</source>
        <translation>Nouveau code de secours…</translation>
    </message>
    <message>
        <source>Passphrase</source>
        <translation>Phrase de passe</translation>
    </message>
    <message>
        <source>The two passphrases are not the same.</source>
        <translation>Les deux phrases de passe diffèrent.</translation>
    </message>
    <message>
        <source>The passphrase is changed. The old one opens nothing any more.</source>
        <translation>La phrase de passe est changée. L’ancienne n’ouvre plus rien.</translation>
    </message>
    <message>
        <source>A recovery code opens this vault too. A new one replaces it.</source>
        <translation>Un code de secours ouvre aussi ce coffre. Un nouveau le remplace.</translation>
    </message>
    <message>
        <source>This vault has no recovery code: if the passphrase is lost, nothing can open it.</source>
        <translation>Ce coffre n’a pas de code de secours&#xa0;: si la phrase de passe est perdue, rien ne peut l’ouvrir.</translation>
    </message>
</context>
<context>
    <name>PassphraseField</name>
    <message>
        <source>Show what is typed</source>
        <translation>Montrer ce qui est tapé</translation>
    </message>
</context>
<context>
    <name>PassphrasePage</name>
    <message>
        <source>Choose a passphrase</source>
        <translation>Choisissez une phrase de passe</translation>
    </message>
    <message>
        <source>It is the only key to what you keep here. Nobody can reset it, us included. A short sentence is easier to remember than a word with signs in it.</source>
        <translation>C’est la seule clé de ce que vous conservez ici. Personne ne peut la réinitialiser, pas même nous. Une courte phrase se retient mieux qu’un mot truffé de signes.</translation>
    </message>
    <message>
        <source>Passphrase</source>
        <translation>Phrase de passe</translation>
    </message>
    <message>
        <source>The same once more</source>
        <translation>La même, une seconde fois</translation>
    </message>
    <message>
        <source>Propose one</source>
        <translation>M’en proposer une</translation>
    </message>
    <message>
        <source>Back</source>
        <translation>Retour</translation>
    </message>
    <message>
        <source>Create the vault</source>
        <translation>Créer le coffre</translation>
    </message>
    <message>
        <source>Creating the vault…</source>
        <translation>Création du coffre…</translation>
    </message>
    <message>
        <source>Write it down now, then type it below.</source>
        <translation>Notez-la maintenant, puis tapez-la ci-dessous.</translation>
    </message>
    <message>
        <source>The passphrase needs {count} characters or more, not all alike.</source>
        <translation>La phrase de passe doit avoir au moins {count} caractères, pas tous semblables.</translation>
    </message>
    <message>
        <source>The two passphrases are not the same.</source>
        <translation>Les deux phrases de passe diffèrent.</translation>
    </message>
</context>
<context>
    <name>PassphraseTrial</name>
    <message>
        <source>Passphrase</source>
        <translation>Phrase de passe</translation>
    </message>
    <message>
        <source>Unlocking…</source>
        <translation>Déverrouillage…</translation>
    </message>
    <message>
        <source>Unlock</source>
        <translation>Déverrouiller</translation>
    </message>
</context>
<context>
    <name>Raster</name>
    <message>
        <source>“{token}”, neuron {neuron}: {count}</source>
        <translation>«&#xa0;{token}&#xa0;», neurone {neuron}&#xa0;: {count}</translation>
    </message>
</context>
<context>
    <name>RasterCard</name>
    <message>
        <source>Spikes over time and neurons</source>
        <translation>Impulsions dans le temps, par neurone</translation>
    </message>
    <message>
        <source>Layer</source>
        <translation>Couche</translation>
    </message>
    <message>
        <source>Site</source>
        <translation>Endroit</translation>
    </message>
    <message>
        <source>Spikes in time</source>
        <translation>Impulsions dans le temps</translation>
    </message>
    <message>
        <source>Ask a question: the spikes of the answer appear here.</source>
        <translation>Posez une question&#xa0;: les impulsions de la réponse apparaissent ici.</translation>
    </message>
    <message>
        <source>There are no spikes to see: this model&apos;s inputs are not coded as spikes.</source>
        <translation>Il n’y a pas d’impulsions à voir&#xa0;: les entrées de ce modèle ne sont pas codées en impulsions.</translation>
    </message>
    <message>
        <source>Layer {number}</source>
        <translation>Couche {number}</translation>
    </message>
    <message>
        <source>{neurons} of the neurons, top to bottom; {tokens} tokens, left to right, {steps} steps each. Shaded: the end of the prompt.</source>
        <translation>{neurons} des neurones, de haut en bas&#x202f;; {tokens} jetons, de gauche à droite, {steps} pas chacun. Sur fond teinté&#xa0;: la fin de la question.</translation>
    </message>
    <message>
        <source>positive</source>
        <translation>positive</translation>
    </message>
    <message>
        <source>negative</source>
        <translation>négative</translation>
    </message>
    <message>
        <source>spike</source>
        <translation>impulsion</translation>
    </message>
    <message>
        <source>Each neuron is a pair: the upper one fires for positive counts, the lower for negative.</source>
        <translation>Chaque neurone est une paire&#xa0;: celui du haut tire pour les nombres positifs, celui du bas pour les négatifs.</translation>
    </message>
    <message>
        <source>A spike per unit of a count.</source>
        <translation>Une impulsion par unité du nombre.</translation>
    </message>
    <message>
        <source>A spike per set bit of a count, the largest bit first.</source>
        <translation>Une impulsion par bit à 1 du nombre, le plus grand d’abord.</translation>
    </message>
    <message>
        <source>Spikes of -1, 0 and 1: one per set bit, far fewer steps.</source>
        <translation>Impulsions de -1, 0 et 1&#xa0;: une par bit à 1, bien moins de pas.</translation>
    </message>
    <message>
        <source>Binary</source>
        <translation>Binaire</translation>
    </message>
    <message>
        <source>Spikes of 0 and 1: one per unit.</source>
        <translation>Impulsions de 0 et 1&#xa0;: une par unité.</translation>
    </message>
    <message>
        <source>Ternary</source>
        <translation>Ternaire</translation>
    </message>
    <message>
        <source>Spikes of -1, 0 and 1: one per unit.</source>
        <translation>Impulsions de -1, 0 et 1&#xa0;: une par unité.</translation>
    </message>
    <message>
        <source>Bitwise</source>
        <translation>Par bits</translation>
    </message>
</context>
<context>
    <name>ReadingStates</name>
    <message>
        <source>Searchable. Answers come from search.</source>
        <translation>La recherche est prête&#x202f;; les réponses en viennent.</translation>
    </message>
    <message>
        <source>Read {done} of {total} pages</source>
        <translation>{done}&#xa0;pages lues sur {total}</translation>
    </message>
    <message>
        <source>Reading {done} of {total} pages</source>
        <translation>Lecture&#xa0;: {done}&#xa0;pages sur {total}</translation>
    </message>
    <message>
        <source>about {time}</source>
        <translation>environ {time}</translation>
    </message>
    <message>
        <source>Paused at {done} of {total} pages</source>
        <translation>En pause&#xa0;: {done}&#xa0;pages sur {total}</translation>
    </message>
    <message>
        <source>The reading stopped. Search still works.</source>
        <translation>La lecture s’est arrêtée. La recherche fonctionne.</translation>
    </message>
</context>
<context>
    <name>ReadingStrip</name>
    <message>
        <source>Reading</source>
        <translation>Lecture</translation>
    </message>
    <message>
        <source>Pause the reading</source>
        <translation>Mettre la lecture en pause</translation>
    </message>
    <message>
        <source>Go on reading</source>
        <translation>Continuer la lecture</translation>
    </message>
</context>
<context>
    <name>Reasons</name>
    <message>
        <source>No model is installed, so these are the passages that fit the question best.</source>
        <translation>Aucun modèle n’est installé&#x202f;; voici les passages qui conviennent le mieux à la question.</translation>
    </message>
    <message>
        <source>The engine was not running, so these are the passages that fit the question best.</source>
        <translation>Le moteur ne fonctionnait pas&#x202f;; voici les passages qui conviennent le mieux à la question.</translation>
    </message>
    <message>
        <source>The model was not sure enough, so these are the passages that fit the question best.</source>
        <translation>Le modèle n’était pas assez sûr&#x202f;; voici les passages qui conviennent le mieux à la question.</translation>
    </message>
    <message>
        <source>The model&apos;s answer could not be tied to a page, so these are the best passages.</source>
        <translation>La réponse du modèle n’a pas pu être rattachée à une page&#x202f;; voici les meilleurs passages.</translation>
    </message>
    <message>
        <source>The question is too long for this model; these are the best passages. Ask a shorter one.</source>
        <translation>La question est trop longue pour ce modèle&#x202f;; voici les meilleurs passages. Posez-en une plus courte.</translation>
    </message>
    <message>
        <source>The answer was stopped before its first word.</source>
        <translation>La réponse a été interrompue avant son premier mot.</translation>
    </message>
    <message>
        <source>Nothing in the chosen documents fits the question. Try other words.</source>
        <translation>Rien dans les documents choisis ne convient à la question. Essayez d’autres mots.</translation>
    </message>
</context>
<context>
    <name>RecoveryPage</name>
    <message>
        <source>Keep this recovery code</source>
        <translation>Conservez ce code de secours</translation>
    </message>
    <message>
        <source>If the passphrase is ever lost, this code opens the vault instead. It is shown this once. Keep it on paper, away from this computer.</source>
        <translation>Si la phrase de passe est un jour perdue, ce code ouvre le coffre à sa place. Il n’est montré que cette fois. Gardez-le sur papier, loin de cet ordinateur.</translation>
    </message>
    <message>
        <source>Print…</source>
        <translation>Imprimer…</translation>
    </message>
    <message>
        <source>Save to a file…</source>
        <translation>Enregistrer dans un fichier…</translation>
    </message>
    <message>
        <source>I have written it down or printed it</source>
        <translation>Je l’ai noté ou imprimé</translation>
    </message>
    <message>
        <source>Go on without a code</source>
        <translation>Continuer sans code</translation>
    </message>
    <message>
        <source>Continue</source>
        <translation>Continuer</translation>
    </message>
    <message>
        <source>Recovery code of the vault:</source>
        <translation>Code de secours du coffre&#xa0;:</translation>
    </message>
    <message>
        <source>Type it in place of the passphrase, then choose a new passphrase. Whoever has it can read everything: keep it locked away.</source>
        <translation>Tapez-le à la place de la phrase de passe, puis choisissez une nouvelle phrase de passe. Qui le détient peut tout lire&#xa0;: gardez-le sous clé.</translation>
    </message>
    <message>
        <source>Save the recovery code</source>
        <translation>Enregistrer le code de secours</translation>
    </message>
    <message>
        <source>recovery-code.txt</source>
        <translation>code-de-secours.txt</translation>
    </message>
    <message>
        <source>The file could not be written. Choose another folder.</source>
        <translation>Le fichier n’a pas pu être écrit. Choisissez un autre répertoire.</translation>
    </message>
    <message>
        <source>Saved. Move the file to a safe place that is not this computer.</source>
        <translation>Enregistré. Déplacez le fichier en lieu sûr, hors de cet ordinateur.</translation>
    </message>
    <message>
        <source>The printer did not answer. Save the code to a file or write it down.</source>
        <translation>L’imprimante n’a pas répondu. Enregistrez le code dans un fichier ou notez-le.</translation>
    </message>
    <message>
        <source>Sent to the printer. A print queue may keep a copy for a while.</source>
        <translation>Envoyé à l’imprimante. Une file d’impression peut en garder une copie quelque temps.</translation>
    </message>
</context>
<context>
    <name>SamplesPage</name>
    <message>
        <source>Something to try it on</source>
        <translation>De quoi essayer</translation>
    </message>
    <message>
        <source>Two invented dossiers are included. Nobody in them exists. You can delete them at any time.</source>
        <translation>Deux dossiers inventés sont fournis. Personne n’y existe. Vous pouvez les supprimer à tout moment.</translation>
    </message>
    <message>
        <source>A patient</source>
        <translation>Une patiente</translation>
    </message>
    <message>
        <source>Letters, laboratory results, an operation report, a discharge letter, mails</source>
        <translation>Lettres, résultats de laboratoire, compte rendu opératoire, lettre de liaison, courriels</translation>
    </message>
    <message>
        <source>A case</source>
        <translation>Une affaire</translation>
    </message>
    <message>
        <source>A contract, letters, an expert&apos;s report, pleadings, a judgment, mails</source>
        <translation>Bail, lettres, rapport d’expertise, actes de procédure, jugement, courriels</translation>
    </message>
    <message>
        <source>Begin empty</source>
        <translation>Commencer à vide</translation>
    </message>
    <message>
        <source>Open Huis Clos</source>
        <translation>Ouvrir Huis Clos</translation>
    </message>
</context>
<context>
    <name>ScopeBar</name>
    <message>
        <source>Whole dossier</source>
        <translation>Tout le dossier</translation>
    </message>
    <message>
        <source>Answer from</source>
        <translation>Répondre d’après</translation>
    </message>
    <message>
        <source>Enter to ask · Shift+Enter for a new line</source>
        <translation>Entrée&#xa0;: demander · Maj+Entrée&#xa0;: à la ligne</translation>
    </message>
</context>
<context>
    <name>SearchPanel</name>
    <message>
        <source>Search results</source>
        <translation>Résultats de la recherche</translation>
    </message>
    <message>
        <source>Back to the chat</source>
        <translation>Revenir à la conversation</translation>
    </message>
    <message>
        <source>No page holds all these words; these pages hold some of them.</source>
        <translation>Aucune page ne contient tous ces mots&#x202f;; celles-ci en contiennent une partie.</translation>
    </message>
    <message>
        <source>Nothing found</source>
        <translation>Aucun résultat</translation>
    </message>
    <message>
        <source>No page holds these words</source>
        <translation>Aucune page ne contient ces mots</translation>
    </message>
    <message>
        <source>Try fewer words or another spelling. Accents and capitals make no difference.</source>
        <translation>Essayez moins de mots ou une autre orthographe. Les accents et les majuscules n’importent pas.</translation>
    </message>
    <message>
        <source>The search failed</source>
        <translation>La recherche a échoué</translation>
    </message>
    <message>
        <source>Search</source>
        <translation>Recherche</translation>
    </message>
    <message>
        <source>Search every page</source>
        <translation>Cherchez dans toutes les pages</translation>
    </message>
    <message>
        <source>Type words above. They are found whatever their accents, with no model needed.</source>
        <translation>Tapez des mots ci-dessus. Ils sont trouvés quels que soient leurs accents, sans aucun modèle.</translation>
    </message>
</context>
<context>
    <name>SettingsDialog</name>
    <message>
        <source>Settings</source>
        <translation>Réglages</translation>
    </message>
    <message>
        <source>Window</source>
        <translation>Fenêtre</translation>
    </message>
    <message>
        <source>Security</source>
        <translation>Sécurité</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>Modèles</translation>
    </message>
    <message>
        <source>This computer</source>
        <translation>Cet ordinateur</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Fermer</translation>
    </message>
    <message>
        <source>Language</source>
        <translation>Langue</translation>
    </message>
    <message>
        <source>Finish readings and answers behind a veil before locking</source>
        <translation>Terminer les lectures et les réponses derrière un voile avant de verrouiller</translation>
    </message>
    <message>
        <source>As the system</source>
        <translation>Comme le système</translation>
    </message>
    <message>
        <source>Light</source>
        <translation>Clair</translation>
    </message>
    <message>
        <source>Dark</source>
        <translation>Sombre</translation>
    </message>
    <message>
        <source>Colours</source>
        <translation>Couleurs</translation>
    </message>
    <message>
        <source>Size of everything</source>
        <translation>Taille de l’affichage</translation>
    </message>
    <message>
        <source>Language and colours apply at once, the size when you unlock again.</source>
        <translation>La langue et les couleurs changent aussitôt, la taille au prochain déverrouillage.</translation>
    </message>
    <message>
        <source>As many as there are ({count})</source>
        <translation>Tous ceux qu’il y a ({count})</translation>
    </message>
    <message>
        <source>Cores for the model</source>
        <translation>Cœurs pour le modèle</translation>
    </message>
    <message>
        <source>Quiet: leave half of the cores to other programs</source>
        <translation>Discret&#xa0;: laisser la moitié des cœurs aux autres programmes</translation>
    </message>
    <message>
        <source>Fewer cores keep a laptop cool and its fan still; answers then take longer. The model is loaded again when you change this.</source>
        <translation>Moins de cœurs, c’est un portable qui chauffe moins et un ventilateur qui se tait&#x202f;; les réponses prennent alors plus de temps. Un changement recharge le modèle.</translation>
    </message>
    <message>
        <source>Lock when nobody has typed or clicked for</source>
        <translation>Verrouiller quand personne n’a tapé ni cliqué depuis</translation>
    </message>
    <message>
        <source>Locking ends the program and starts it again at the locked screen, so that no key stays in memory.</source>
        <translation>Verrouiller met fin au programme et le relance sur l’écran de verrouillage, pour qu’aucune clé ne reste en mémoire.</translation>
    </message>
</context>
<context>
    <name>Shortcuts</name>
    <message>
        <source>Keyboard shortcuts</source>
        <translation>Raccourcis clavier</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Fermer</translation>
    </message>
</context>
<context>
    <name>SourceLink</name>
    <message>
        <source>p. {page}</source>
        <translation>p.&#xa0;{page}</translation>
    </message>
    <message>
        <source>Source {number}: {document}, page {page}</source>
        <translation>Source {number}&#xa0;: {document}, page {page}</translation>
    </message>
</context>
<context>
    <name>SpikesChoice</name>
    <message>
        <source>Spikes of this model</source>
        <translation>Impulsions de ce modèle</translation>
    </message>
    <message>
        <source>last matrix too</source>
        <translation>dernière matrice aussi</translation>
    </message>
    <message>
        <source>Code the input of each layer&apos;s last matrix (down_proj) as well. The paper says so, the published code does not.</source>
        <translation>Coder aussi l’entrée de la dernière matrice de chaque couche (down_proj). L’article le dit, le code publié ne le fait pas.</translation>
    </message>
    <message>
        <source>Spikes</source>
        <translation>Impulsions</translation>
    </message>
    <message>
        <source>off</source>
        <translation>sans</translation>
    </message>
    <message>
        <source>{k}, as made</source>
        <translation>{k}, d’origine</translation>
    </message>
    <message>
        <source>The model is loaded anew; a dossier is read anew with it.</source>
        <translation>Le modèle est rechargé&#x202f;; un dossier est relu avec lui.</translation>
    </message>
</context>
<context>
    <name>StatementView</name>
    <message>
        <source>The dossier does not seem to hold the answer.</source>
        <translation>Le dossier ne semble pas contenir la réponse.</translation>
    </message>
</context>
<context>
    <name>StatusBar</name>
    <message>
        <source>Stop taking in files</source>
        <translation>Arrêter l’importation</translation>
    </message>
    <message>
        <source>Inside the model</source>
        <translation>Dans le modèle</translation>
    </message>
    <message>
        <source>Taking in {file}</source>
        <translation>Importation de {file}</translation>
    </message>
    <message>
        <source>Reads {speed} tokens a second</source>
        <translation>Lit {speed} jetons par seconde</translation>
    </message>
    <message>
        <source>Writes {speed} tokens a second</source>
        <translation>Écrit {speed} jetons par seconde</translation>
    </message>
    <message>
        <source>Energy: {told}</source>
        <translation>Énergie&#xa0;: {told}</translation>
    </message>
    <message>
        <source>Memory of the reading: {size} · grows with length</source>
        <translation>Mémoire de la lecture&#xa0;: {size} · croît avec la longueur</translation>
    </message>
    <message>
        <source>A reading by this model takes more memory with every page.</source>
        <translation>Une lecture par ce modèle occupe plus de mémoire à chaque page.</translation>
    </message>
    <message>
        <source>Memory of the reading: {size} · constant</source>
        <translation>Mémoire de la lecture&#xa0;: {size} · constante</translation>
    </message>
    <message>
        <source>A reading takes this much memory whatever the length of the dossier.</source>
        <translation>Une lecture occupe cette mémoire quelle que soit la longueur du dossier.</translation>
    </message>
    <message>
        <source>Offline – network blocked</source>
        <translation>Hors ligne – réseau bloqué</translation>
    </message>
    <message>
        <source>Network not blocked by the system</source>
        <translation>Réseau non bloqué par le système</translation>
    </message>
    <message>
        <source>The operating system refuses every internet connection to this program and all its parts.</source>
        <translation>Le système d’exploitation refuse toute connexion internet à ce programme et à toutes ses parties.</translation>
    </message>
    <message>
        <source>This program opens no connection, but the operating system does not enforce it here: {reason}</source>
        <translation>Ce programme n’ouvre aucune connexion, mais le système d’exploitation ne l’impose pas ici&#xa0;: {reason}</translation>
    </message>
</context>
<context>
    <name>Steps</name>
    <message>
        <source>Step {number} of {count}</source>
        <translation>Étape {number} sur {count}</translation>
    </message>
</context>
<context>
    <name>StrengthMeter</name>
    <message>
        <source>At least {count} characters</source>
        <translation>Au moins {count} caractères</translation>
    </message>
    <message>
        <source>Too many characters alike</source>
        <translation>Trop de caractères semblables</translation>
    </message>
    <message>
        <source>Easy to guess</source>
        <translation>Facile à deviner</translation>
    </message>
    <message>
        <source>Fair</source>
        <translation>Correcte</translation>
    </message>
    <message>
        <source>Hard to guess</source>
        <translation>Difficile à deviner</translation>
    </message>
</context>
<context>
    <name>Suggestions</name>
    <message>
        <source>Which dates matter?</source>
        <translation>Quelles dates importent&#x202f;?</translation>
    </message>
    <message>
        <source>Who are the people named?</source>
        <translation>Qui sont les personnes nommées&#x202f;?</translation>
    </message>
    <message>
        <source>Which amounts are mentioned?</source>
        <translation>Quels montants sont mentionnés&#x202f;?</translation>
    </message>
</context>
<context>
    <name>TextStrip</name>
    <message>
        <source>What the model sees</source>
        <translation>Ce que le modèle voit</translation>
    </message>
    <message>
        <source>Text of the page</source>
        <translation>Texte de la page</translation>
    </message>
    <message>
        <source>What the model sees on page {page}</source>
        <translation>Ce que le modèle voit, page {page}</translation>
    </message>
    <message>
        <source>There is no text on this page.</source>
        <translation>Il n’y a pas de texte sur cette page.</translation>
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
<context>
    <name>Toast</name>
    <message>
        <source>Close this message</source>
        <translation>Fermer ce message</translation>
    </message>
</context>
<context>
    <name>TopBar</name>
    <message>
        <source>Search this dossier  (Ctrl+F)</source>
        <translation>Rechercher dans ce dossier  (Ctrl+F)</translation>
    </message>
    <message>
        <source>More commands</source>
        <translation>Autres commandes</translation>
    </message>
</context>
<context>
    <name>UnlockPage</name>
    <message>
        <source>The vault is locked. Enter your passphrase, or the recovery code in its place.</source>
        <translation>Le coffre est verrouillé. Entrez votre phrase de passe, ou le code de secours à sa place.</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>Quitter</translation>
    </message>
</context>
<context>
    <name>VaultNotices</name>
    <message>
        <source>The disk refused to write, so this vault is open for reading only. Nothing that was saved is lost. Make room or look after the disk, then lock and unlock.</source>
        <translation>Le disque a refusé d’écrire&#xa0;: ce coffre n’est ouvert qu’en lecture. Rien de ce qui était enregistré n’est perdu. Libérez de la place ou vérifiez le disque, puis verrouillez et déverrouillez.</translation>
    </message>
    <message>
        <source>Lock now</source>
        <translation>Verrouiller</translation>
    </message>
    <message>
        <source>You unlocked with the recovery code. Choose a new passphrase while it is open.</source>
        <translation>Vous avez déverrouillé avec le code de secours. Choisissez une nouvelle phrase de passe tant que le coffre est ouvert.</translation>
    </message>
    <message>
        <source>Choose a passphrase…</source>
        <translation>Choisir une phrase de passe…</translation>
    </message>
    <message>
        <source>This vault has no recovery code: if the passphrase is lost, nothing can open it.</source>
        <translation>Ce coffre n’a pas de code de secours&#xa0;: si la phrase de passe est perdue, rien ne peut l’ouvrir.</translation>
    </message>
    <message>
        <source>Make a recovery code…</source>
        <translation>Créer un code de secours…</translation>
    </message>
</context>
<context>
    <name>VeilPage</name>
    <message>
        <source>What was open is hidden while work goes on; the vault locks when it has ended. Enter your passphrase, or the recovery code in its place, to see it again.</source>
        <translation>Ce qui était ouvert est caché pendant que le travail continue&#xa0;; le coffre se verrouille quand il est fini. Entrez votre phrase de passe, ou le code de secours à sa place, pour le revoir.</translation>
    </message>
    <message>
        <source>Lock now</source>
        <translation>Verrouiller maintenant</translation>
    </message>
    <message>
        <source>Ends the work that is going on. What was done so far is kept.</source>
        <translation>Met fin au travail en cours. Ce qui a été fait jusqu’ici est gardé.</translation>
    </message>
    <message>
        <source>A reading is going on</source>
        <translation>Une lecture est en cours</translation>
    </message>
    <message>
        <source>An answer is being written</source>
        <translation>Une réponse est en cours de rédaction</translation>
    </message>
    <message>
        <source>Files are being taken in</source>
        <translation>Une importation est en cours</translation>
    </message>
    <message>
        <source>A model is being taken in</source>
        <translation>Un modèle est en cours d’ajout</translation>
    </message>
    <message>
        <source>A reading is going on: {percent}</source>
        <translation>Une lecture est en cours&#xa0;: {percent}</translation>
    </message>
    <message>
        <source>Files are being taken in: {percent}</source>
        <translation>Une importation est en cours&#xa0;: {percent}</translation>
    </message>
    <message>
        <source>A model is being taken in: {percent}</source>
        <translation>Un modèle est en cours d’ajout&#xa0;: {percent}</translation>
    </message>
    <message>
        <source>Behind the veil the vault stays open: its keys are in this computer&apos;s memory until it locks.</source>
        <translation>Derrière le voile, le coffre reste ouvert&#xa0;: ses clés sont dans la mémoire de cet ordinateur jusqu’au verrouillage.</translation>
    </message>
</context>
<context>
    <name>Veiling</name>
    <message>
        <source>The model is installed.</source>
        <translation>Le modèle est installé.</translation>
    </message>
</context>
<context>
    <name>ViewerBar</name>
    <message>
        <source>Page number</source>
        <translation>Numéro de page</translation>
    </message>
</context>
<context>
    <name>ViewerPane</name>
    <message>
        <source>Pages</source>
        <translation>Pages</translation>
    </message>
    <message>
        <source>Opened documents</source>
        <translation>Documents ouverts</translation>
    </message>
    <message>
        <source>The page behind every answer</source>
        <translation>La page derrière chaque réponse</translation>
    </message>
    <message>
        <source>Press a citation in an answer, a search result or a document on the left: it opens here.</source>
        <translation>Cliquez sur une citation, un résultat de recherche ou un document à gauche&#xa0;: il s’ouvre ici.</translation>
    </message>
    <message>
        <source>Close {name}</source>
        <translation>Fermer {name}</translation>
    </message>
</context>
</TS>
