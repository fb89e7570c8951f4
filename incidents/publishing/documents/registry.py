"""Every kind of document, in the order of writing: a document comes after those that it links to."""

from .api import ApiDocument
from .archive import ComponentPage, HistoryIndex, HistoryMonth
from .assets import Assets, LogoFile
from .badge import Badge
from .banner import Banner
from .base import Document
from .calendar import Calendar, CalendarEvent
from .feeds import ComponentFeed, Feed, HistoryFeed
from .follow import FollowPage
from .maintenance import MaintenanceList
from .pages import Home, IncidentPage
from .security import SecurityContact
from .sitemap import Robots, Sitemap, SitemapIndex
from .social import SocialPicture

DOCUMENTS: tuple[Document, ...] = (
    Assets(),
    SocialPicture(),
    LogoFile(),
    CalendarEvent(),
    IncidentPage(),
    HistoryMonth(),
    HistoryIndex(),
    ComponentPage(),
    MaintenanceList(),
    Calendar(),
    Badge(per_language=True),
    Badge(per_language=False),
    Banner(),
    FollowPage(),
    Home(),
    Feed("atom"),
    Feed("rss"),
    Feed("json"),
    ComponentFeed("atom"),
    ComponentFeed("rss"),
    ComponentFeed("json"),
    HistoryFeed("atom"),
    HistoryFeed("rss"),
    Sitemap(),
    SitemapIndex(),
    Robots(),
    SecurityContact(),
    ApiDocument(per_language=True),
    ApiDocument(per_language=False),
)
